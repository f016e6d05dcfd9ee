"""A real Chromium, driven over its debugging protocol: pages are opened, read, used by keyboard and
pointer, photographed and checked for accessibility. What a page writes to its console is kept."""
import asyncio
import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

from websockets.asyncio.client import connect

from .waiting import until

PROGRAM = os.environ.get("HYPHAD_CHROMIUM") or shutil.which("chromium") \
    or shutil.which("chromium-browser") or shutil.which("google-chrome")
DESKTOP = {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": True}
KEYS = {"Tab": (9, None), "Enter": (13, "\r"), "Escape": (27, None), " ": (32, " ")}
VISIBLE = "(n) => !!n && n.checkVisibility({ visibilityProperty: true })"


class Browser:
    """One Chromium process with a profile of its own; `page` opens windows in it."""

    def __init__(self, folder, *flags):
        self.flags = flags
        self.folder = Path(folder)
        self.artefacts = Path(os.environ.get("HYPHAD_ARTEFACTS") or folder)
        self._sessions, self._waiting, self._next = {}, {}, 0

    async def __aenter__(self):
        profile = self.folder / "profile"
        self._log = open(self.folder / "browser.log", "wb")
        self._process = subprocess.Popen(
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking", "--no-proxy-server",
             *self.flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL)
        try:
            self._socket = await self._attach(profile)
        except BaseException:
            self._end()
            raise
        self._reader = asyncio.create_task(self._read())
        return self

    async def _attach(self, profile):
        where = profile / "DevToolsActivePort"

        def is_listening():
            if self._process.poll() is not None:
                raise RuntimeError("Chromium ended")
            return where.exists() and where.read_text().count("\n")
        await until(is_listening, timeout=60)
        port, path = where.read_text().split("\n")[:2]
        return await connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None)

    def _end(self):
        self._process.kill()
        self._process.wait()
        self._log.close()

    async def __aexit__(self, *_):
        self._reader.cancel()
        await self._socket.close()
        self._end()

    async def _read(self):
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                waiting = self._waiting.pop(message["id"], None)
                if waiting and not waiting.done():
                    waiting.set_result(message)
            elif message.get("sessionId") in self._sessions:
                self._sessions[message["sessionId"]]._take(message)

    async def send(self, method, session=None, **params):
        self._next += 1
        waiting = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        message = {"id": self._next, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self._socket.send(json.dumps(message))
        answer = await asyncio.wait_for(waiting, 40)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    async def page(self, url=None, screen=DESKTOP):
        target = (await self.send("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.send("Target.attachToTarget", targetId=target,
                                   flatten=True))["sessionId"]
        page = self._sessions[session] = Page(self, session)
        for domain in "Page", "Runtime", "Log", "Network":
            await page.send(f"{domain}.enable")
        await page.send("Emulation.setDeviceMetricsOverride", **screen)
        if url:
            await page.open(url)
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.complaints = []        # errors and warnings of the console, and refused loads
        self.requests = []

    def _take(self, message):
        method, params = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(params["args"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            if not params["entry"].get("url", "").endswith("/favicon.ico"):     # asked for by itself
                self.complaints.append(params["entry"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"])

    async def send(self, method, **params):
        return await self.browser.send(method, self.session, **params)

    # ---- looking ----
    async def open(self, url):
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def eval(self, expression):
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True,
                                 returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression, timeout=20):
        """Waits until an expression of the page is true; its value."""
        try:        # an expression fails while the document is being replaced
            return await until(lambda: self.eval(expression), timeout, not_yet=AssertionError)
        except AssertionError as failure:
            raise AssertionError(f"not true in {timeout} s: {expression}\n{failure}\n{await self.text()}") from None

    async def text(self):
        return await self.eval("document.body ? document.body.innerText : ''")

    async def sees(self, text, timeout=20):
        await self.until(f"document.body && document.body.innerText.includes({json.dumps(text)})",
                         timeout)

    async def shows(self, selector):
        return await self.eval(f"({VISIBLE})(document.querySelector({json.dumps(selector)}))")

    async def cookie(self, name):
        found = (await self.send("Network.getCookies"))["cookies"]
        return next((c for c in found if c["name"] == name), None)

    async def set_cookie(self, url, name, value):
        await self.send("Network.setCookie", url=url, name=name, value=value)

    # ---- using ----
    async def click(self, selector):
        """A real press in the middle of the element, which must be visible."""
        chosen = json.dumps(selector)
        await self.until(f"({VISIBLE})(document.querySelector({chosen}))")
        x, y = await self.eval(f"""(() => {{ const n = document.querySelector({chosen});
            n.scrollIntoView({{ block: "center" }}); const r = n.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
        for kind in "mousePressed", "mouseReleased":
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                            clickCount=1)

    async def fill(self, selector, text):
        chosen = json.dumps(selector)
        await self.until(f"({VISIBLE})(document.querySelector({chosen}))")
        await self.eval(f"(() => {{ const n = document.querySelector({chosen}); n.focus();"
                        f" n.select(); }})()")
        await self.type(text)

    async def type(self, text):
        await self.send("Input.insertText", text=text)

    async def press(self, key, shift=False):
        code, text = KEYS[key]
        common = {"key": key, "code": key if key != " " else "Space", "windowsVirtualKeyCode": code,
                  "modifiers": 8 if shift else 0}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **common,
                        **({"text": text} if text else {}))
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    async def tab_to(self, selector, most=30):
        """Reaches the element by the Tab key alone."""
        for _ in range(most):
            await self.press("Tab")
            if await self.eval(f"document.activeElement?.matches({json.dumps(selector)})"):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    # ---- judging ----
    async def photograph(self, name):
        """Keeps a picture of the whole page among the artefacts."""
        data = (await self.send("Page.captureScreenshot", captureBeyondViewport=True))["data"]
        self.browser.artefacts.mkdir(parents=True, exist_ok=True)
        path = self.browser.artefacts / f"{name}.png"
        path.write_bytes(base64.b64decode(data))
        return path

    async def is_accessible(self):
        """axe-core finds nothing wrong, and nothing is wider than the window."""
        source = Path(os.environ["HYPHAD_NODE_MODULES"], "axe-core/axe.min.js").read_text()
        await self.eval(f"{source}; true")
        found = await self.eval(
            "axe.run(document).then((r) => r.violations.map((v) => "
            "[v.id, v.help, v.nodes.map((n) => n.html.slice(0, 200))]))")
        assert found == [], json.dumps(found, indent=1)
        wide = await self.eval("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{wide} pixels wider than the window"

    def is_quiet(self):
        assert self.complaints == [], json.dumps(self.complaints, indent=1)[:4000]
