"""The services that Python providers offer in the scenes."""
import asyncio


def calc(service_id="calc", **config):
    """A map ready for register_service; fresh functions every time, the client marks them."""

    def add(a, b):
        return a + b

    async def add_later(a, b):
        return a + b

    def echo(value):
        return value

    def nothing():
        return None

    def negate(x):
        return -x

    def boom():
        raise ValueError("boom!")

    async def boom_later():
        raise KeyError("missing-thing")

    def count(n):
        yield from range(n)

    async def count_later(n):
        for i in range(n):
            yield i

    async def notify(callback, n):
        for i in range(n):
            await callback(i)
        return "done"

    async def apply(callback, value):
        return await callback(value)

    async def never(*_):
        await asyncio.Event().wait()

    async def stuck():
        yield 0
        await asyncio.Event().wait()

    return {
        "id": service_id, "name": "Calc", "description": "Functions that scenes call.",
        "config": config, "add": add, "add_later": add_later, "echo": echo, "nothing": nothing,
        "constant": 5, "text": "fixed", "nested": {"deep": {"negate": negate}, "flag": True},
        "boom": boom, "boom_later": boom_later, "count": count, "count_later": count_later,
        "notify": notify, "apply": apply, "never": never, "stuck": stuck,
        "size": lambda data: len(data), "blob": lambda n: b"\x09" * n,
    }


def context_service(service_id="ctx", **config):
    def who(context=None):
        return {"ws": context["ws"], "from": context["from"], "to": context["to"],
                "user": context["user"], "kind": context["connection_type"]}

    def seen(value, context=None):
        return {"value": value, "from": context["from"]}

    return {"id": service_id, "config": {"require_context": True, **config},
            "who": who, "seen": seen}
