"""Folders of the operator's (--static-mounts), the JavaScript client (--web-client-dir), and what a page must know."""
import asyncio
import os
import random
from email.utils import formatdate
from pathlib import Path

import pytest

from kit import services
from kit.browser import PROGRAM, Browser
from kit.hub import until
from kit.tcp import Tcp
from kit.web import client_for

CLIENT = Path(os.environ.get("HYPHAD_NODE_MODULES", "."), "hypha-rpc-0.21.40", "dist")
PAGE = """<!doctype html><title>waiting</title><script type="module">
import { connectToServer } from "/assets/hypha-rpc-websocket.mjs";
const config = await (await fetch("/assets/config.json")).json();
const api = await connectToServer({ server_url: config.public_base_url });
const calc = await api.getService(new URLSearchParams(location.search).get("service"));
document.title = "sum " + await calc.add(20, 22);
</script>"""


@pytest.fixture
def folder(tmp_path):
    """A folder with everything in it that may be asked for, beside a secret that may not."""
    files = tmp_path / "files"
    (files / "sub").mkdir(parents=True)
    (files / "hello.txt").write_text("hello static\n")
    (files / "index.html").write_text("<h1>idx</h1>\n")
    (files / "empty.css").write_text("")
    (files / "sub" / "data.json").write_text("{}")
    (files / "größe ü.txt").write_text("umlaut")
    (files / "big.bin").write_bytes(random.Random(1).randbytes(3_000_000))
    os.mkfifo(files / "pipe")
    (tmp_path / "secret.txt").write_text("secret")
    for name, target in (("inside", "hello.txt"), ("sub/up", "../hello.txt"), ("escape", "../secret.txt"),
                         ("absolute", str(tmp_path / "secret.txt")), ("absolute-inside", str(files / "hello.txt")),
                         ("folder-out", ".."), ("loop", "loop"), ("dangling", "nowhere")):
        (files / name).symlink_to(target)
    return files


@pytest.fixture
def mounted(hub, start_server, folder, tmp_path):
    hub.server = start_server("--static-mounts", f"/tests:{folder}", f"/sub:{folder / 'sub'}", f"--web-client-dir={CLIENT}")
    return hub.server


@pytest.mark.req("H-118")
@pytest.mark.differs("the original follows no absolute link either, and hides less")
async def test_files_and_nothing_else(hub, mounted):
    found = {"/tests/": "<h1>idx</h1>\n", "/tests/hello.txt": "hello static\n", "/tests/empty.css": "", "/tests/sub/data.json": "{}",
             "/tests/gr%C3%B6%C3%9Fe%20%C3%BC.txt": "umlaut", "/tests/inside": "hello static\n", "/tests/sub/up": "hello static\n",
             "/sub/data.json": "{}", "/tests/./hello.txt": "hello static\n"}
    hidden = ["/sub/", "/tests/sub", "/tests/sub/", "/tests/nope", "/tests/escape", "/tests/absolute", "/tests/folder-out/secret.txt",
              "/tests/loop", "/tests/dangling", "/tests/pipe", "/tests/../secret.txt", "/tests/%2e%2e/secret.txt",
              "/tests/..%2fsecret.txt", "/tests/sub/..%2f..%2fsecret.txt", "/tests/%2fetc%2fpasswd", "/tests//etc/passwd",
              "/tests/hello.txt/", "/tests/hello.txt%00", "/tests/hello.txt/x", "/tests/" + "a" * 300, "/tests/" + "a/" * 2000,
              "/tests/..", "/sub/../hello.txt", "/sub/up"]
    async with client_for(mounted) as http:
        for path, text in found.items():
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (200, text), path
            assert answer.headers["content-length"] == str(len(text.encode()))
            head = await http.head(path)
            assert head.status_code == 200 and not head.content and head.headers["etag"] == answer.headers["etag"]
            assert head.headers["content-length"] == answer.headers["content-length"]
        assert (await http.post("/tests/hello.txt", content=b"x")).status_code == 405
        answer = await http.get("/tests?a=b", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, "/tests/?a=b"), "or what lies beside the page is not found"
        assert (await http.get("/sub")).json() == {"success": False, "detail": "File not found: sub"}
    for path in hidden:         # as they are: a client library would tidy them up
        tcp = await Tcp.open(mounted)
        await tcp.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = (await tcp.rest()).decode()
        tcp.writer.close()
        assert answer.startswith("HTTP/1.1 404 ") and "secret" not in answer.split("\r\n\r\n")[1], (path, answer[:200])


@pytest.mark.req("H-118", "H-157")
@pytest.mark.differs("what RFC 9110 asks for beyond what was recorded")
async def test_ranges_and_conditions(hub, mounted, folder):
    async with client_for(mounted) as http:
        plain = await http.get("/tests/hello.txt")
        etag, modified = plain.headers["etag"], plain.headers["last-modified"]
        assert plain.headers["accept-ranges"] == "bytes" and plain.headers["content-type"] == "text/plain; charset=utf-8"
        for headers, status, body, content_range in (
                ({"Range": "bytes=0-3"}, 206, "hell", "bytes 0-3/13"), ({"Range": "bytes=6-"}, 206, "static\n", "bytes 6-12/13"),
                ({"Range": "bytes=-3"}, 206, "ic\n", "bytes 10-12/13"), ({"Range": "bytes=-99"}, 206, "hello static\n", "bytes 0-12/13"),
                ({"Range": "bytes=12-99999999999999999999"}, 206, "\n", "bytes 12-12/13"), ({"Range": "bytes=13-"}, 416, "", "*/13"),
                ({"Range": "bytes=99999999999999999999-"}, 416, "", "*/13"), ({"Range": "bytes=-0"}, 416, "", "*/13"),
                ({"Range": "bytes=3-1"}, 200, "hello static\n", None), ({"Range": "bytes=0-1,4-5"}, 200, "hello static\n", None),
                ({"Range": "lines=0-1"}, 200, "hello static\n", None), ({"Range": "bytes=x-y"}, 200, "hello static\n", None),
                ({"Range": "bytes=0-3", "If-Range": etag}, 206, "hell", "bytes 0-3/13"),
                ({"Range": "bytes=0-3", "If-Range": modified}, 206, "hell", "bytes 0-3/13"),
                ({"Range": "bytes=0-3", "If-Range": '"other"'}, 200, "hello static\n", None),
                ({"If-None-Match": etag}, 304, "", None), ({"If-None-Match": "*"}, 304, "", None),
                ({"If-None-Match": f'"a", W/{etag}'}, 304, "", None), ({"If-None-Match": '"other"'}, 200, "hello static\n", None),
                ({"If-Modified-Since": modified}, 304, "", None),
                ({"If-Modified-Since": formatdate(0, usegmt=True)}, 200, "hello static\n", None),
                ({"If-Modified-Since": "yesterday"}, 200, "hello static\n", None),
                ({"If-None-Match": '"other"', "If-Modified-Since": modified}, 200, "hello static\n", None)):
            answer = await http.get("/tests/hello.txt", headers=headers)
            assert (answer.status_code, answer.text, answer.headers.get("content-range")) == (status, body, content_range), headers
            if status == 304:
                assert answer.headers["etag"] == etag
        assert (await http.get("/tests/empty.css", headers={"Range": "bytes=0-"})).status_code == 416
        (folder / "hello.txt").write_text("changed")
        again = await http.get("/tests/hello.txt", headers={"If-None-Match": etag})
        assert again.status_code == 200 and again.text == "changed"


@pytest.mark.req("H-118")
@pytest.mark.differs("reads our own figures")
async def test_big_files_and_slow_clients(hub, mounted, folder):
    """A file comes piece by piece: a client that reads nothing holds one piece and nobody up; one that leaves frees it."""
    whole = (folder / "big.bin").read_bytes()
    async with client_for(mounted) as http:
        slow = [await Tcp.open(mounted, receive_buffer=4096) for _ in range(20)]
        for tcp in slow:
            await tcp.send(b"GET /tests/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            await tcp.reader.readexactly(1)
        assert await until(lambda: not [fd for fd in Path(f"/proc/{mounted.pid}/fd").iterdir()
                                        if fd.is_symlink() and os.path.realpath(fd) == str(folder / "big.bin")])
        files = await asyncio.gather(*(http.get("/tests/big.bin") for _ in range(4)))
        assert all(f.content == whole for f in files)
        part = await http.get("/tests/big.bin", headers={"Range": "bytes=100000-2900000"})
        assert part.content == whole[100_000:2_900_001]
        for tcp in slow[:10]:
            tcp.reset()
        for tcp in slow[10:]:
            rest = b""
            while not rest.endswith(whole[-64:]):
                rest += await asyncio.wait_for(tcp.reader.read(1 << 20), 30)
            assert rest.split(b"\r\n\r\n", 1)[1] == whole
            tcp.writer.close()
    await until(lambda: mounted.metric("hyphad_connections_open") <= 1)


@pytest.mark.req("H-118")
@pytest.mark.allow_warn("a file cannot be read to its end")
@pytest.mark.differs("the original breaks its own promise of a length")
async def test_a_file_that_shrinks_cuts_the_connection(hub, mounted, folder):
    tcp = await Tcp.open(mounted, receive_buffer=4096)
    await tcp.send(b"GET /tests/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
    await tcp.reader.readexactly(1)
    os.truncate(folder / "big.bin", 100_000)
    got = await tcp.rest()
    assert len(got) < 3_000_000
    tcp.writer.close()


@pytest.mark.req("H-118")
@pytest.mark.parametrize("mount, word", [("/tests:/nonexistent", "not a folder"), ("/ws:/tmp", "is a route"), ("/public:/tmp", "is a route"),
                                         ("/a/b:/tmp", "one segment"), ("/a", "/NAME:DIR")])
def test_mounts_that_cannot_be(mount, word):
    from test_config import run
    code, _, err = run("check", "--static-mounts", mount)
    assert code != 0 and word in err and "--static-mounts" in err


@pytest.mark.req("H-113", "H-162")
@pytest.mark.differs("another sentence where the client is not installed")
async def test_the_javascript_client(hub, start_server, mounted, tmp_path):
    async with client_for(mounted) as http:
        for name in ("hypha-rpc-websocket.mjs", "hypha-rpc-websocket.js"):
            asset, static = await http.get(f"/assets/{name}"), await http.get(f"/static/{name}")
            assert asset.content == static.content == (CLIENT / name).read_bytes()
            assert asset.headers["content-type"] == "application/javascript"
            assert static.headers["content-type"] == "text/javascript; charset=utf-8"
        assert (await http.get("/assets/nope.js")).status_code == 404
        assert (await http.get("/static")).json()["detail"] == "File not found: static"
    bare = start_server(f"--web-client-dir={tmp_path}", "--base-path=/my/hub")
    async with client_for(bare) as http:
        missing = await http.get(f"{bare.url}/assets/hypha-rpc-websocket.mjs")
        assert missing.status_code == 404 and "hypha-rpc" in missing.json()["detail"] \
            and "--web-client-dir" in missing.json()["detail"]
        config = (await http.get(f"{bare.url}/assets/config.json")).json()
        assert config["user"]["id"] == "anonymouz-http" and config["login_service_url"] == f"{bare.url}/public/services/hypha-login"


@pytest.mark.req("H-118", "H-162")
@pytest.mark.timeout(120)
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
async def test_a_mounted_page_calls_a_service(hub, mounted, folder, tmp_path):
    provider = await hub.py("prov")
    await provider.register_service(services.calc(visibility="public"))
    (folder / "page.html").write_text(PAGE)
    async with Browser(tmp_path) as browser:
        page = await browser.page(f"{mounted.url}/tests/page.html?service={provider.config.workspace}/prov:calc")
        await page.until("document.title !== 'waiting'", timeout=60)
        assert await page.eval("document.title") == "sum 42"


def test_the_pinned_client_is_the_tested_one():
    import json
    root = Path(__file__).resolve().parents[2]
    pinned = json.loads((root / "deploy/web-client/package-lock.json").read_text())["packages"]["node_modules/hypha-rpc"]
    tested = json.loads((root / "tests/scenes/js/package-lock.json").read_text())["packages"]["node_modules/hypha-rpc-0.21.40"]
    assert pinned["integrity"] == tested["integrity"] and pinned["version"] == tested["version"]
