"""Tests wait for what happens, and they can fail: every file of tests is read for the ways in which one would not."""
import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLEEPERS = {"tests/scenes/kit/waiting.py", "tests/harness/check.c"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BROAD = {"Exception", "BaseException", "AssertionError"}
NAP_IN_C = re.compile(r"\b(?:u|nano|clock_nano|thrd_|uv_)?sleep\s*\(|\bpoll\s*\(\s*NULL")

pytestmark = pytest.mark.differs("it is about the tests of hyphad")


def name_of(node):
    """The last name of what is called, raised or caught."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def calls(node):
    return [c for c in ast.walk(node) if isinstance(c, ast.Call)]


def kinds(node):
    """The errors that are caught; all of them where none is named."""
    return {name_of(n) for n in (node.elts if isinstance(node, ast.Tuple) else [node])} if node else {"BaseException"}


def naps(node):
    """Sleeps, and waits for something else whose outcome nobody looks at."""
    if isinstance(node, ast.Call) and (name_of(node.func) == "sleep"
                                       or name_of(node.func) == "suppress" and any("TimeoutError" in kinds(a) for a in node.args)):
        yield "sleeps: kit/waiting.py says how to wait"
    if isinstance(node, ast.Expr):
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and name_of(value.func) == "wait" and any(k.arg == "timeout" for k in value.keywords):
            yield "waits, and goes on when that was in vain"


def swallows(node):
    """Whatever fails below it is passed by, a failed assertion too."""
    if isinstance(node, ast.ExceptHandler):
        is_mute = all(isinstance(s, (ast.Pass, ast.Continue)) or isinstance(s, ast.Return) and s.value is None for s in node.body)
        if is_mute and kinds(node.type) & BROAD:
            yield "passes by whatever fails"
    if isinstance(node, ast.Call) and name_of(node.func) == "suppress" and any(kinds(a) & BROAD for a in node.args):
        yield "passes by whatever fails"
    if isinstance(node, ast.Call) and name_of(node.func) == "raises" and kinds(node.args[0]) & BROAD \
            and not any(k.arg in ("match", "check") for k in node.keywords):
        yield "takes any failure for the one that is meant"


def empty_claims(node):
    """What holds, or is left out, whatever the server does."""
    if isinstance(node, ast.Assert) and (isinstance(node.test, ast.Tuple) or isinstance(node.test, ast.Constant) and node.test.value):
        yield "asserts what is always true"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare):
        yield "compares, and nobody looks"
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(ast.dump(a) == ast.dump(b) and not calls(a) for a, b in zip(sides, sides[1:])):
            yield "compares something with itself"
    if isinstance(node, (ast.Call, ast.Attribute)) and name_of(getattr(node, "func", node)) == "xfail":
        yield "is expected to fail"
    if isinstance(node, ast.Call) and name_of(node.func) in ("skip", "skipif"):
        reasons = [k.value for k in node.keywords if k.arg == "reason"] or node.args[:1] if name_of(node.func) == "skip" else \
            [k.value for k in node.keywords if k.arg == "reason"]
        if not reasons:
            yield "is left out without a reason"


RULES = (naps, swallows, empty_claims)


class Claims:
    """Which functions check something on their main path. A function of the kit that does stands for an assertion where it is called."""

    def __init__(self, trees):
        every = [f for t in trees for f in ast.walk(t) if isinstance(f, FUNCTIONS)]
        self.names = {"raises", "fail"} | {f.name for f in every if any(isinstance(s, (ast.Assert, ast.Raise)) for s in ast.walk(f))}
        n = 0
        while n != len(self.names):
            n = len(self.names)
            self.names |= {f.name for f in every if not f.name.startswith("test_") and self.found(f.body)}

    def is_check(self, node):
        return any(name_of(c.func) in self.names for c in calls(node))

    def found(self, body):
        """Whether a statement that may fail is reached whatever the conditions are. Loops count; that they ran is seen by conftest.py."""
        for s in body:
            if isinstance(s, ast.Assert):
                return True
            if isinstance(s, (ast.With, ast.AsyncWith)):
                hit = any(self.is_check(item) for item in s.items) or self.found(s.body)
            elif isinstance(s, ast.Try):
                hit = self.found(s.body) and not any(kinds(h.type) & BROAD for h in s.handlers) or self.found(s.finalbody) \
                    or bool(s.orelse and s.handlers) and all(self.found(b) for b in (s.orelse, *(h.body for h in s.handlers)))
            elif isinstance(s, ast.If):
                hit = self.is_check(s.test) or bool(s.orelse) and self.found(s.body) and self.found(s.orelse)
            elif isinstance(s, (ast.For, ast.AsyncFor)):
                hit = self.is_check(s.iter) or self.found(s.body)
            elif isinstance(s, ast.While):
                hit = self.is_check(s.test)
            else:
                hit = not isinstance(s, (*FUNCTIONS, ast.ClassDef)) and self.is_check(s)
            if hit:
                return True
        return False

    def missing(self, f):
        """What is wrong with a test as a whole."""
        if not self.found(f.body):
            yield f.lineno, f"{f.name} claims nothing, or on a condition only"
        inner = {id(n) for g in ast.walk(f) if isinstance(g, (*FUNCTIONS, ast.Lambda)) and g is not f for n in ast.walk(g)}
        for n in ast.walk(f):
            if isinstance(n, ast.Return) and id(n) not in inner:
                yield n.lineno, f"{f.name} may end before its last claim"


def faults(name, text, tree, claims):
    for node in ast.walk(tree):
        for rule in RULES:
            if not (rule is naps and name in SLEEPERS):
                yield from (f"{name}:{node.lineno} {what}" for what in rule(node))
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
            yield from (f"{name}:{line} {what}" for line, what in claims.missing(node))


def files(*suffixes):
    for folder in ("tests", "bench/tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and "node_modules" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def test_every_test_can_fail_and_none_sleeps():
    trees = {name: (text, ast.parse(text)) for name, text in files(".py")}
    assert len(trees) > 100
    claims = Claims([tree for _, tree in trees.values()])
    assert [fault for name, (text, tree) in trees.items() for fault in faults(name, text, tree, claims)] == []


def early_ends(text):
    """The cases of a unit test that return before their end: what is not there is told by check_skip()."""
    return [m[1] for m in re.finditer(r"^CASE\((\w+)\)\n\{\n(.*?)^\}", text, re.M | re.S) if re.search(r"\breturn\b", m[2])]


def test_no_unit_test_ends_early_or_sleeps():
    sources = dict(files(".c", ".h"))
    assert len(sources) > 100 and sum(text.count("\nCASE(") for text in sources.values()) > 700
    assert [f"{name}: {case}" for name, text in sources.items() for case in early_ends(text)] == []
    assert [f"{name}:{i}" for name, text in sources.items() if name not in SLEEPERS
            for i, line in enumerate(text.splitlines(), 1) if NAP_IN_C.search(line.split('"')[0])] == []


@pytest.mark.parametrize("code, what", [
    ("await asyncio.sleep(1); assert x", "sleeps"), ("assert x; await asyncio.wait([t], timeout=1)", "goes on"),
    ("with suppress(asyncio.TimeoutError): await f()\n assert x", "sleeps"),
    ("try: f()\n except Exception: pass\n assert x", "whatever fails"), ("try: f()\n except: return\n assert x", "whatever fails"),
    ("with raises(Exception): f()", "any failure"), ("assert (x, 'why')", "always true"), ("assert a.b == a.b", "with itself"),
    ("assert x; a == b", "nobody looks"), ("assert x; pytest.xfail('some day')", "to fail"), ("pytest.skip(); assert x", "without a reason"),
    ("f()", "claims nothing"), ("if x: assert y", "claims nothing"), ("while x: assert y", "claims nothing"),
    ("try:\n  assert x\n except AssertionError: y()", "claims nothing"), ("if y: return\n assert x", "end before")])
def test_each_way_not_to_fail_is_seen(code, what):
    tree = ast.parse(f"async def test_it():\n {code}\n")
    assert what in "\n".join(faults("here", code, tree, Claims([tree])))


@pytest.mark.parametrize("code", [
    "assert x", "with raises(KeyError): f()", "for a in b: assert a", "if x: assert a\n else: assert b", "await checks(1)",
    "try: f()\n except ValueError: assert a\n else: assert b", "def inner():\n  return 1\n assert inner()"])
def test_what_may_fail_is_let_be(code):
    tree = ast.parse(f"async def test_it():\n {code}\nasync def checks(a):\n assert a\n")
    assert list(faults("here", code, tree, Claims([tree]))) == []


def test_a_nap_and_an_early_end_in_c_are_seen():
    assert early_ends("CASE(a)\n{\n    CHECK(x);\n}\n\nCASE(b)\n{\n    if (!x)\n        return;\n    CHECK(x);\n}\n") == ["b"]
    assert all(NAP_IN_C.search(line) for line in ("usleep(1);", "(void)nanosleep(&nap, NULL);", "poll(NULL, 0, 1);", "sleep(1);"))
    assert not any(NAP_IN_C.search(line) for line in ("poll(&p, 1, 300)", "falls_asleep_now(x)"))
