"""Scenes: the published clients, unmodified, against a running server.

A coroutine test runs in its own event loop, which closes whatever the test opened through `hub`.
After every scene the server's log is read: what nobody announced with `allow_warn` fails the scene.
"""
import asyncio
import inspect
import os

import pytest

from kit import report, unreached
from kit.hub import Hub
from kit.server import Server


class Results:
    """Collects which requirement each scene proves; one writer, also under xdist."""

    def __init__(self):
        self.of_test = {}

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            ids = next((v for k, v in report.user_properties if k == "req"), [])
            if report.nodeid not in self.of_test or report.outcome != "passed":
                self.of_test[report.nodeid] = (ids, report.outcome)

    def pytest_sessionfinish(self):
        path = os.environ.get("HYPHAD_REQ_REPORT")
        if path:
            report.merge(path, self.of_test)


def pytest_addoption(parser):
    parser.addoption("--target", choices=("hyphad", "original"), default="hyphad",
                     help="the server the scenes run against")
    parser.addoption("--unreached", action="store_true", help="lists the assertions that were never reached")


def pytest_configure(config):
    if config.getoption("--target") == "hyphad" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results())
    if config.getoption("--unreached"):
        unreached.register(config)
    wanted = "HYPHAD_BIN" if config.getoption("--target") == "hyphad" else "HYPHA_ORIGINAL_PYTHON"
    if wanted not in os.environ and not config.option.collectonly:
        raise pytest.UsageError(f"{wanted} must name the program to test")


def pytest_collection_modifyitems(config, items):
    original = config.getoption("--target") == "original"
    kept, dropped = [], []
    for item in items:
        ids = [i for mark in item.iter_markers("req") for i in mark.args]
        item.user_properties.append(("req", ids))
        (dropped if original and item.get_closest_marker("differs") else kept).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    hub = pyfuncitem.funcargs.get("hub")

    async def run():
        try:
            await pyfuncitem.obj(**arguments)
        finally:
            if hub is not None:
                await hub.close()

    asyncio.run(run())
    return True


@pytest.fixture(scope="session")
def target(request):
    return request.config.getoption("--target")


def _allowed(request, marker="allow_warn"):
    return [a for mark in request.node.iter_markers(marker) for a in mark.args]


@pytest.fixture(scope="session")
def shared_servers(target):
    """The servers that scenes share: one at a time; the last one is alive, unless a scene killed it."""
    started = [Server(target).start()]
    yield started
    for one in started:
        if one.is_running():
            one.stop()
            one.check_log()
        one.remove()


@pytest.fixture
def server(shared_servers, target, request):
    """The server with default options that scenes share. The scene that ends it fails, no other."""
    if not shared_servers[-1].is_running():
        shared_servers.append(Server(target).start())
    one = shared_servers[-1]
    yield one
    assert one.is_running(), f"the server died:\n{one.log_text()}"
    one.check_log(_allowed(request))


@pytest.fixture
def start_server(target, request):
    """start_server(*args, env=None, data_dir=None, port=0): a server of the scene's own."""
    started = []

    def start(*args, env=None, data_dir=None, port=0):
        one = Server(target, args, env, data_dir, port)
        started.append(one)
        return one.start()

    yield start
    failures = []
    for one in started:
        try:
            one.stop()
            one.check_log(_allowed(request), _allowed(request, "allow_error"))
        except AssertionError as failure:
            failures.append(str(failure))
        one.remove()
    assert not failures, "\n".join(failures)


@pytest.fixture
def hub(request):
    """Opens clients for a coroutine scene and closes them after it."""
    shared = request.getfixturevalue("server") if "server" in request.fixturenames else None
    return Hub(shared)
