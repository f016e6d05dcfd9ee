"""Which assertions of the scenes that ran were never reached: ./dev scenes --unreached -o enable_assertion_pass_hook=true [SCENES]

A claim in a loop over nothing, behind a condition that never holds, or after an end that came early, has not been made. It costs a quarter
more time, so it is asked for, in one process."""
import ast
import inspect
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest


def claims_of(function):
    """The lines of its assertions."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines)))
    return {node.lineno + first - 1 for node in ast.walk(tree) if isinstance(node, ast.Assert)}


class Reached:
    def __init__(self):
        self.lines, self.passed = {}, {}

    def pytest_assertion_pass(self, item, lineno, orig, expl):
        self.lines.setdefault(item.path, set()).add(lineno)

    def pytest_runtest_teardown(self, item):
        self.passed[item.obj] = item.path

    def pytest_terminal_summary(self, terminalreporter):
        missing = sorted({f"{Path(path).name}:{line}" for function, path in self.passed.items()
                          for line in claims_of(function) - self.lines.get(path, set())})
        terminalreporter.section("assertions that were never reached")
        terminalreporter.write_line("\n".join(missing) or "none")


def register(config):
    if not config.getini("enable_assertion_pass_hook"):
        raise pytest.UsageError("--unreached needs -o enable_assertion_pass_hook=true beside it")
    sys.pycache_prefix = tempfile.mkdtemp(prefix="unreached-")      # what was compiled before has no such hook
    config.pluginmanager.register(Reached())
    config.add_cleanup(lambda: shutil.rmtree(sys.pycache_prefix, ignore_errors=True))
