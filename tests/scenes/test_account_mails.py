"""Mails with codes: what leaves, what does not, and a forgotten password."""
import asyncio
import http.server
import json
import threading

import pytest

from kit.accounts import DEV_WARNINGS, Accounts, wrong
from kit.hub import until
from kit.mailbox import Mailbox

pytestmark = pytest.mark.differs("accounts of the original need an object store")
ON = "--enable-local-auth"
EVE = {"name": "Eve", "email": "eve@example.org", "password": "password1"}


class Resend:
    """Plays the mail service: keeps what it is sent."""

    def __init__(self, status=200):
        self.requests = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((dict(self.headers), json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/emails"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.req("A-191")
async def test_the_mail_service_is_given_the_mail(start_server):
    with Resend() as service:
        server = start_server(ON, "--resend-url", service.url, env={
            "RESEND_API_KEY": "re_geheim", "HYPHA_VERIFICATION_FROM_EMAIL": "Hub <hub@x.org>"})
        async with Accounts(server) as a:
            asked = await a.signup(**EVE)
            assert "dev_code" not in asked and asked["success"]
            headers, mail = service.requests[0]
            assert headers["Authorization"] == "Bearer re_geheim"
            assert mail["from"] == "Hub <hub@x.org>" and mail["to"] == ["eve@example.org"]
            assert mail.keys() == {"from", "to", "subject", "html", "text"}
            code = next(word for word in mail["text"].split() if word.isdigit() and len(word) == 6)
            assert code in mail["html"]
            assert (await a.verify_email(email=EVE["email"], code=code))["success"]
        assert "re_geheim" not in server.log_text() and code not in server.log_text()


@pytest.mark.req("A-191", "S-49")
@pytest.mark.allow_warn("mail not sent")
async def test_a_mail_that_cannot_be_sent_leaves_nothing_behind(start_server):
    with Resend(status=500) as service:
        server = start_server(ON, "--resend-url", service.url, env={"RESEND_API_KEY": "re_geheim"})
        async with Accounts(server) as a:
            assert await a.refused("signup", **EVE) \
                == "The e-mail could not be sent. Please try again later."
    async with Mailbox() as box:
        box.refuses = True
        async with Accounts(start_server(ON, *box.options)) as a:
            assert await a.refused("signup", **EVE) \
                == "The e-mail could not be sent. Please try again later."
            assert await a.refused("resend_code", email=EVE["email"]) \
                == "No pending verification for this email. Please sign up again."
            assert a.server.metric("hyphad_codes") == 0
            assert a.server.metric("hyphad_code_mails_failed_total") == 1
            box.refuses = False
            await a.make("Eve", mailbox=box)


@pytest.mark.req("S-49")
async def test_an_address_that_is_taken_gets_no_mail_and_none_can_forge_one(start_server):
    async with Mailbox() as box:
        async with Accounts(start_server(ON, *box.options)) as a:
            await a.make("Eve", mailbox=box)
            assert await a.refused("signup", **EVE) == "Email already registered"
            for email in ("a@x.org\r\nBcc: all@x.org", "a@x.org, b@x.org", "<a@x.org>", "a b@x.org",
                          '"a"@x.org', "a@x.org>\r\nRCPT TO:<b@x.org", "@", "a", "ä@x.org"):
                assert await a.refused("signup", **{**EVE, "email": email}) == "Invalid email address"
            await a.signup(**{**EVE, "email": "mal@example.org", "name": "Buy!\u2028http://evil"})
            _, recipients, mail = (await box.next())
            assert recipients == ["mal@example.org"] and "evil" not in mail.as_string()
            assert len(box.mails) == 2


@pytest.mark.req("D-24")
async def test_a_mailbox_is_not_filled(start_server):
    async with Mailbox() as box:
        async with Accounts(start_server(ON, *box.options)) as a:
            for _ in range(10):
                assert (await a.signup(**EVE))["success"]
            text = await a.refused("signup", **EVE)
            assert text.startswith("Please wait 3") and text.endswith("s before requesting another code.")
            assert len(box.mails) == 10


@pytest.mark.req("D-23", "D-24")
async def test_a_forgotten_password_is_replaced_by_a_mailed_code(start_server):
    async with Mailbox() as box:
        async with Accounts(start_server(ON, *box.options)) as a:
            await a.make("Eve", mailbox=box)
            for i in range(10):
                await a.login(email=EVE["email"], password=f"wrong-{i}")
            assert await a.request_reset(email="Eve@Example.org") == {"success": True,
                                                                     "email": EVE["email"]}
            code = await box.code(EVE["email"])
            assert f"#reset&email=eve%40example.org&code={code}" in box.mails[-1][2].get_content()
            again = {"email": EVE["email"], "code": code, "new_password": "password2"}
            assert await a.refused("reset_password", **{**again, "new_password": "p"}) \
                == "New password must be at least 8 characters"
            assert await a.refused("reset_password", **{**again, "code": wrong(code)}) \
                == "Incorrect code. 4 attempt(s) remaining."
            assert await a.reset_password(**again) == {"success": True, "message": "Password changed"}
            assert (await a.refused("reset_password", **again)).startswith("No pending reset")
            assert await a.refused("login", email=EVE["email"], password="password1") \
                == "Invalid email or password"
            assert (await a.login(email=EVE["email"], password="password2"))["success"]


@pytest.mark.allow_warn(DEV_WARNINGS)
async def test_one_address_sends_so_many_mails_a_minute(hub, start_server):
    async with Accounts(server := start_server(ON)) as a:
        raw = await hub.raw(server=server)
        found = await raw.manage("get_service", "public/hypha-login")
        errors = []
        for i in range(31):
            answer = await raw.call(found["request_reset"]["_rmethod"], f"n{i}@example.org",
                                    to=found["request_reset"]["_rtarget"])
            errors.append(answer.get("error", ""))
        assert not any(errors[:30]) and errors[30].startswith("Too many requests from your address.")
        answer = await a.web.post("/public/services/hypha-login/signup", json=EVE)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


async def test_asking_for_a_reset_tells_nobody_who_has_an_account(start_server):
    async with Mailbox() as box:
        async with Accounts(start_server(ON, *box.options)) as a:
            await a.make("Eve", mailbox=box)
            answers = {}
            for email in (EVE["email"], "nobody@example.org"):
                first = await a.request_reset(email=email)
                second = await a.request_reset(email=email)
                guess = await a.reset_password(email=email, code="1", new_password="password2")
                answers[email] = [{**x, "email": None} for x in (first, second, guess)]
            assert answers[EVE["email"]] == answers["nobody@example.org"]
            assert answers[EVE["email"]][1]["error"] \
                == "Please wait 30s before requesting another code."
            await box.code(EVE["email"])
            await a.signup(**{**EVE, "email": "last@example.org"})
            await box.code("last@example.org")      # no mail to nobody was in between
            assert len(box.mails) == 3


@pytest.mark.allow_warn(DEV_WARNINGS)
@pytest.mark.req("A-191", "D-28")
async def test_without_a_transport_codes_are_told_and_the_log_warns(start_server):
    async with Accounts(server := start_server(ON)) as a:
        asked = await a.signup(**EVE)
        assert len(asked["dev_code"]) == 6
        await until(lambda: asked["dev_code"] in server.log_text())
        assert "no mail transport" in server.log_text()
        assert EVE["password"] not in server.log_text()


@pytest.mark.allow_warn("mail not sent")
async def test_a_mail_server_that_hangs_holds_nobody_else(start_server):
    async def mute(reader, writer):
        await reader.read()
        writer.close()
    silent = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with Accounts(start_server(ON, "--smtp-url", f"smtp://127.0.0.1:{port}")) as a:
        waiting = asyncio.ensure_future(a.web.post(
            "/public/services/hypha-login/signup", json=EVE))
        for _ in range(20):
            assert (await a.web.get("/health/liveness")).status_code == 200
            assert not (await a.login(email="x@x.org", password="password1"))["success"]
        a.server.stop()
        answer = await asyncio.wait_for(asyncio.gather(waiting, return_exceptions=True), 10)
        assert answer
    silent.close()
