"""The README's own code blocks, pasted as they are.

A block that serves (it calls serve(), or waits for ever) goes on while the blocks after it run.
The first workspace id that such a block prints is WORKSPACE for the blocks after it.
"""
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kit.waiting import until_here

README = Path(__file__).resolve().parents[2] / "README.md"
# The Node programs that JavaScript is run with, for one after another: HYPHAD_NODES=/a/node:/b/node.
NODES = os.environ.get("HYPHAD_NODES", "node").split(":")
RUN_S = 30
SERVES = re.compile(r"\bserve\(|new Promise\(\(\) => \{\}\)|asyncio\.Event\(\)\.wait|run_forever")
pytestmark = [pytest.mark.differs("the README of this project"), pytest.mark.timeout(240)]


def blocks():
    """(language, text) of every fenced block that can be run."""
    found = []
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(), re.M | re.S):
        if language in ("python", "js", "javascript") or language == "sh" and "curl" in text:
            found.append((language, text))
    return found


class Block:
    def __init__(self, number, language, text, folder, server, workspace, node="node"):
        self.text = text.replace("http://localhost:9527", server.url) \
                        .replace("ws://localhost:9527", "ws" + server.url.removeprefix("http"))
        suffix, command = {"python": (".py", [sys.executable]), "sh": (".sh", ["sh", "-eu"])}.get(
            language, (".mjs", [node]))
        path = folder / f"block{number}{suffix}"
        path.write_text(self.text)
        env = dict(os.environ, PYTHONUNBUFFERED="1")
        env.pop("HYPHA_LOGLEVEL", None)
        if workspace:
            env["WORKSPACE"] = workspace
        self.lines = []
        self.process = subprocess.Popen(command + [str(path)], env=env, cwd=folder, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def output(self):
        return "".join(self.lines)

    @property
    def serves(self):
        return SERVES.search(self.text) is not None

    def workspace(self):
        """Waits for the workspace a serving block prints."""
        def printed():
            return re.search(r"\bws-user-[\w|-]+", self.output)
        until_here(lambda: printed() or self.process.poll() is not None, RUN_S, 0.05, f"a workspace printed by\n{self.text}")
        assert printed(), f"a serving block printed no workspace:\n{self.text}\n{self.output}"
        return printed().group()

    def finish(self):
        try:
            code = self.process.wait(RUN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {RUN_S} s:\n{self.text}\n{self.output}")
        self._reader.join(5)
        assert code == 0, f"exit {code}:\n{self.text}\n{self.output}"
        assert self.output.strip(), f"printed nothing:\n{self.text}"
        assert '"success":false' not in self.output.replace(" ", ""), self.output


def test_readme_blocks(server, tmp_path):
    found = blocks()
    languages = {language for language, _ in found}
    assert "python" in languages and "sh" in languages and languages & {"js", "javascript"}, \
        f"README has a hello in Python, in JavaScript and with curl; found {sorted(languages)}"
    modules = tmp_path / "node_modules"
    modules.mkdir()
    installed = Path(os.environ["HYPHAD_NODE_MODULES"])
    for entry in installed.iterdir():
        (modules / entry.name).symlink_to(entry)
    shutil.copytree(installed / "hypha-rpc-0.21.40", modules / "hypha-rpc")
    running, workspace = [], None
    try:
        for number, (language, text) in enumerate(found):
            for node in NODES if language in ("js", "javascript") else NODES[:1]:
                block = Block(number, language, text, tmp_path, server, workspace, node)
                running.append(block)
                if block.serves:
                    workspace = block.workspace()
                else:
                    block.finish()
    finally:
        for block in running:
            if block.process.poll() is None:
                block.process.kill()
            block.process.wait()
