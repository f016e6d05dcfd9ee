"""What docs/MIGRATING.md says of the original's options, asked of the program itself."""
import os
import re
import subprocess
from pathlib import Path

import pytest

MIGRATING = Path(__file__).resolve().parents[2] / "docs" / "MIGRATING.md"
VALUES = {"redis-uri": "redis://localhost", "triton-servers": "http://localhost:8000", "startup-functions": "m:f",
          "executable-path": "/tmp", "minio-port": "1", "minio-console-port": "1", "minio-version": "x", "mc-version": "x",
          "migrate-database": "head"}
pytestmark = pytest.mark.differs("hyphad's own options and exit codes")


def options_of(word):
    """The options that the list item of that word names."""
    item = re.search(rf"^- \*\*{word}\*\*:(.*?)(?=^- |^$)", MIGRATING.read_text(), re.M | re.S).group(1)
    found = re.findall(r"`--([\w-]+)`", item)
    assert found, word
    return found


def check(option, *more):
    """`hyphad check` of one option: its exit code, and what it says on stderr."""
    words = [f"--{option}", *([VALUES[option]] if option in VALUES else []), *more]
    done = subprocess.run([os.environ["HYPHAD_BIN"], "check", *words], env={"HOME": "/nonexistent"}, timeout=30,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("option", options_of("Not built in") + options_of("Refused"))
def test_options_that_are_said_to_refuse_the_start_do(option):
    code, told = check(option)
    assert code == 78 and f"--{option}" in told, told


@pytest.mark.parametrize("option", options_of("No effect"))
def test_options_that_are_said_to_have_no_effect_have_none(option):
    code, told = check(option)
    assert code == 0 and f"{option}: no effect" in told, told
    assert check(option, "--strict")[0] == 78
