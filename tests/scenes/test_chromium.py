"""The JavaScript client in a real browser."""
import asyncio
import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from kit import services

BROWSER = os.environ.get("HYPHAD_CHROMIUM") or shutil.which("chromium") \
    or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGE = """<!doctype html><script src="/client.js"></script><script>
const settings = SETTINGS;
const report = (what) => fetch("/report", { method: "POST", body: JSON.stringify(what) });
(async () => {
    const connect = (window.hyphaWebsocketClient || window.hyphaRpc).connectToServer;
    const api = await connect(settings);
    await api.registerService({ id: "page", config: { visibility: "public" },
        greet: (name) => `hello ${name} from the page`, agent: () => navigator.userAgent,
        size: (data) => data.byteLength });
    const calc = await api.getService("py:calc");
    const seen = [];
    await calc.notify((i) => { seen.push(i); }, 3);
    const blob = await calc.blob(900000);
    await report({ workspace: api.config.workspace, sum: await calc.add(20, 22), seen,
                   blob: blob.byteLength });
})().catch((error) => report({ error: String(error) }));
</script>"""


class Site:
    """Serves the page and the client, and receives what the page reports."""

    def __init__(self, settings):
        script = Path(os.environ["HYPHAD_NODE_MODULES"],
                      "hypha-rpc-0.21.40/dist/hypha-rpc-websocket.js").read_bytes()
        files = {"/": (PAGE.replace("SETTINGS", json.dumps(settings)).encode(), "text/html"),
                 "/client.js": (script, "text/javascript")}
        self.loop = asyncio.get_running_loop()
        self.report = self.loop.create_future()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body, kind = files.get(self.path, (b"", "text/plain"))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                site.loop.call_soon_threadsafe(site.take, body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body):
        if not self.report.done():
            self.report.set_result(body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.req("W-002", "W-061")
@pytest.mark.timeout(120)
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
async def test_page_registers_and_calls(hub, server, tmp_path):
    py = await hub.py("py")
    await py.register_service(services.calc())
    site = Site({"server_url": server.url, "client_id": "browser",
                 "workspace": py.config.workspace, "token": await py.generate_token()})
    log = open(tmp_path / "browser.log", "wb")
    browser = subprocess.Popen(
        [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server",
         f"--user-data-dir={tmp_path / 'profile'}", site.url],
        stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        report = await asyncio.wait_for(site.report, 90)
        assert report == {"workspace": py.config.workspace, "sum": 42, "seen": [0, 1, 2],
                          "blob": 900_000}, report
        page = await py.get_service("browser:page")
        assert await page.greet("you") == "hello you from the page"
        assert "Chrome" in await page.agent()
        assert await page.size(bytes(700_000)) == 700_000
    finally:
        browser.kill()
        browser.wait()
        log.close()
        site.close()
