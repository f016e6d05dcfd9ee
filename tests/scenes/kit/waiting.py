"""How scenes wait: until something is true, with a deadline. What must take its time says what for. Nobody else sleeps: test_house_tests
reads every file for it."""
import asyncio
import inspect
import time


async def until(check, timeout=15, step=0.02, not_yet=()):
    """Polls a condition that no event announces; returns its first true value. An error of the kinds in not_yet is a no."""
    deadline, last = time.monotonic() + timeout, None
    while True:
        try:
            value = check()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
        except not_yet as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"condition not met within {timeout} s" + (f": {last!r}" if last else ""))
        await asyncio.sleep(step)


def until_here(check, timeout=15, step=0.01, what="condition"):
    """The same for a test without an event loop."""
    deadline = time.monotonic() + timeout
    while not (value := check()):
        assert time.monotonic() < deadline, f"{what} not met within {timeout} s"
        time.sleep(step)
    return value


async def until_still(figure, for_s=0.3, least=1, timeout=40):
    """Until a figure has grown by less than `least` for so long, where no event says that nothing more comes."""
    then, deadline = figure(), time.monotonic() + timeout
    while True:
        await asyncio.sleep(for_s)
        now = figure()
        if now - then < least:
            return now
        assert time.monotonic() < deadline, f"still growing after {timeout} s: {now}"
        then = now


async def turn():
    """Lets the other tasks of this loop go on once, so that what they have begun is sent."""
    await asyncio.sleep(0)


async def pace(seconds, why):
    """Somebody in the scene takes that long: a client that drips, a service at work, a measurement. Never a wait for something to happen."""
    assert why
    await asyncio.sleep(seconds)


def pace_here(seconds, why):
    """The same for a thread, or a program without an event loop."""
    assert why
    time.sleep(seconds)
