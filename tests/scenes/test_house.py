"""What docs/HACKING.md says of a new room is true, and requirements may stand in rooms."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.web import client_for

ROOT = Path(__file__).resolve().parent.parent.parent
SCRATCH = ROOT / ".build" / "new-room"      # kept, so that the next run builds what has changed
sys.path.insert(0, str(ROOT / "tests"))

import conformance  # noqa: E402


def new_room():
    """The patch that HACKING.md shows."""
    section = (ROOT / "docs/HACKING.md").read_text().split("## A new room\n")[1].split("\n## ")[0]
    return re.search(r"```diff\n(.*?)```", section, re.S)[1]


def make(folder, command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900,
                          env={**os.environ, "CCACHE_BASEDIR": str(SCRATCH)})
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def copy_changed(source, target):
    """Makes target like source, and leaves alone what is the same."""
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
    for name in wanted:
        old, new = target / name, (source / name).read_bytes()
        if not old.is_file() or old.read_bytes() != new:
            old.parent.mkdir(parents=True, exist_ok=True)
            old.write_bytes(new)
    for old in [p for p in target.rglob("*") if p.is_file() and p.relative_to(target) not in wanted]:
        old.unlink()


@pytest.fixture
def patched(tmp_path):
    """A copy of the house with the new room in it, built."""
    house = tmp_path / "house"
    for name in ("meson.build", "meson_options.txt"):
        house.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, house / name)
    for name in ("src", "include", "docs/generate", "subprojects/llhttp", "deploy/web-client"):
        shutil.copytree(ROOT / name, house / name)
    (tmp_path / "room.patch").write_text(new_room())
    make(house, ["git", "apply", "-p1", str(tmp_path / "room.patch")])
    copy_changed(house, SCRATCH / "house")
    build = SCRATCH / "build"
    if not (build / "build.ninja").is_file():
        make(SCRATCH, ["meson", "setup", str(build), str(SCRATCH / "house"), "--buildtype=plain", "--werror", "-Dc_args=-O0", "-Dtests=false",
                       "-Dbench=false"])
    make(SCRATCH, ["ninja", "-C", str(build), "src/hyphad"])
    return build / "src" / "hyphad"


@pytest.mark.timeout(1200)
@pytest.mark.differs("it is about the sources of hyphad")
async def test_a_new_room_is_a_folder_and_a_line(hub, start_server, patched, monkeypatch, tmp_path):
    lines_elsewhere = [line for part in new_room().split("--- ")[1:] if "\n+++ b/src/hello/" not in part
                       for line in part.splitlines()[2:] if line[:1] in "+-"]
    assert len(lines_elsewhere) <= 2 and "+++ b/src/hello/" in new_room()

    monkeypatch.setenv("HYPHAD_BIN", str(patched))
    listed = make(ROOT, [str(patched), "config", "doc"])
    assert "| `--hello-text` | " in listed
    server = hub.server = start_server("--hello-text", "good morning")
    async with client_for(server) as http:
        page = await http.get("/hello")
        assert (page.status_code, page.text) == (200, "good morning")
        called = await http.get("/public/services/hello/greet")
        assert (called.status_code, called.json()) == (200, "good morning")
        listing = await http.get("/public/services/")
        assert any(s["id"].endswith(":hello") for s in listing.json())
        figures = (await http.get("/metrics")).text
    assert re.search(r"^hyphad_hellos_total 2$", figures, re.M)
    api = await hub.py("asker")
    service = await api.get_service("public/hello")
    assert await service.greet() == "good morning"

    done = subprocess.run([str(patched), "--port=0", f"--data-dir={tmp_path / 'state'}", "--static-mounts", f"/hello:{tmp_path}"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'msg="the options give a route that the server has" name=hello' in done.stderr


def test_requirements_stand_in_tables_of_families_and_of_rooms(tmp_path):
    assert [letter for letter, rows in conformance.read_tables(tmp_path).items() if rows] == []
    tables = tmp_path / "tests" / "requirements"
    tables.mkdir(parents=True)
    (tables / "R.tsv").write_text("R-001\tAn artifact is there.\topen\n")
    (tables / "M.tsv").write_text("")
    room = tmp_path / "src" / "apps" / "requirements.tsv"
    room.parent.mkdir(parents=True)
    room.write_text("P-001\tAn app runs.\topen\nX-001\tA letter nobody had.\tlater:then\n")
    families = conformance.read_tables(tmp_path)
    assert {letter: list(rows) for letter, rows in families.items() if rows} == {"R": ["R-001"], "P": ["P-001"], "X": ["X-001"]}
    assert families["M"] == families["G"] == families["I"] == {}
    conformance.write_tables({"P-001": "tested"}, tmp_path)
    assert conformance.read_table(room)["P-001"][1] == "tested" and (tables / "R.tsv").read_text().endswith("open\n")
    room.write_text("R-001\tThe same again.\topen\n")
    with pytest.raises(SystemExit, match="R-001 stands in another table too"):
        conformance.read_tables(tmp_path)
    room.unlink()
    (tables / "S.tsv").write_text("R-002\tIn the wrong one.\topen\n")
    with pytest.raises(SystemExit, match="R-002 is not of the family S"):
        conformance.read_tables(tmp_path)
