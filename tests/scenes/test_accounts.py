"""Accounts with a password: what their functions answer, and what nobody gets by them."""
import asyncio
import sqlite3

import pytest

from kit import tokens
from kit.accounts import DEV_WARNINGS, Accounts, wrong
from kit.hub import until
from kit.mailbox import Mailbox

pytestmark = [pytest.mark.differs("accounts of the original need an object store"),
              pytest.mark.allow_warn(DEV_WARNINGS)]
ON = "--enable-local-auth"


@pytest.mark.req("A-189", "A-191", "D-29")
async def test_person_signs_up_verifies_logs_in_and_connects(hub, start_server):
    async with Mailbox() as box:
        server = start_server(ON, *box.options)
        async with Accounts(server) as accounts:
            asked = await accounts.signup(name="Eve", email=" Eve@Example.org ", password="password1")
            assert asked == {"success": True, "verification_required": True,
                             "email": "eve@example.org"}
            code = await box.code("eve@example.org")
            sender, _, mail = box.mails[0]
            assert sender == "hub@example.org" and mail["From"] == "The Hub <hub@example.org>"
            link = f"{server.url}/public/apps/hypha-login/#verify&email=eve%40example.org&code={code}"
            assert link in mail.get_content()
            assert "Eve" not in mail.as_string()
            done = await accounts.verify_email(email="EVE@example.org", code=code)
            assert done.keys() == {"success", "user_id", "email_verified"} and done["email_verified"]
            answer = await accounts.login(email="Eve@Example.org", password="password1")
            home = f"ws-user-{done['user_id']}"
            assert answer == {"success": True, "token": answer["token"], "workspace": home,
                              "user_id": done["user_id"], "email": "eve@example.org"}
            claims = tokens.claims(answer["token"])
            assert claims["sub"] == done["user_id"] and claims["exp"] - claims["iat"] == 24 * 3600
            assert claims["scope"] == f"ws:{home}#a wid:{home}"
            assert claims["https://amun.ai/email"] == "eve@example.org"
            assert claims["https://amun.ai/roles"] == ["user"]
            api = await hub.py(server=server, token=answer["token"])
            assert api.config.workspace == home and api.config.user["email"] == "eve@example.org"


@pytest.mark.req("A-190", "S-49")
async def test_what_a_person_does_wrong_is_answered_in_the_texts_of_the_original(start_server):
    required = "Name, email and password are required"
    async with Accounts(start_server(ON)) as a:
        eve = {"name": "Eve", "email": "Eve@Example.org", "password": "password1"}
        assert await a.refused("login", email="eve@example.org", password="x") \
            == "No users registered yet. Please sign up first."
        for missing in ({}, {**eve, "name": " "}, {**eve, "email": None}, {**eve, "password": 8}):
            assert await a.refused("signup", **missing) == required
        assert await a.refused("signup", **{**eve, "password": "short"}) \
            == "Password must be at least 8 characters"
        first = (await a.signup(**eve))["dev_code"]
        code = (await a.signup(**eve))["dev_code"]
        if first != code:
            assert await a.refused("verify_email", email=eve["email"], code=first) \
                == "Incorrect code. 4 attempt(s) remaining."
        assert await a.refused("verify_email") == "Email and verification code are required"
        assert await a.refused("verify_email", email="no@x.org", code=code) == (
            "No pending verification for this email, or the code has expired. Please sign up again.")
        assert await a.refused("resend_code") == "Email is required"
        assert await a.refused("resend_code", email=eve["email"]) \
            == "Please wait 30s before requesting another code."
        assert await a.refused("resend_code", email="no@x.org") \
            == "No pending verification for this email. Please sign up again."
        assert await a.refused("login", email=eve["email"], password=eve["password"]) \
            == "Invalid email or password"
        assert (await a.verify_email(email=eve["email"], code=code))["success"]
        assert (await a.refused("verify_email", email=eve["email"], code=code)).startswith(
            "No pending verification for this email")
        assert await a.refused("signup", **{**eve, "email": "EVE@EXAMPLE.ORG"}) \
            == "Email already registered"
        assert await a.refused("login") == "Email and password are required"
        for email, password in ((eve["email"], "password2"), ("no@x.org", "password1"), ("@", "x")):
            assert await a.refused("login", email=email, password=password) \
                == "Invalid email or password"


@pytest.mark.req("A-190", "S-49")
async def test_wrong_codes_lock_the_sign_up(start_server):
    async with Accounts(start_server(ON)) as a:
        code = (await a.signup(name="E", email="e@x.org", password="password1"))["dev_code"]
        for left in (4, 3, 2, 1):
            assert await a.refused("verify_email", email="e@x.org", code=wrong(code)) \
                == f"Incorrect code. {left} attempt(s) remaining."
        assert await a.refused("verify_email", email="e@x.org", code=wrong(code)) \
            == "Too many incorrect attempts. Please sign up again."
        assert (await a.refused("verify_email", email="e@x.org", code=code)).startswith(
            "No pending verification")


async def test_a_sign_up_knows_its_own_code_by_the_password(start_server):
    async with Accounts(start_server(ON)) as a:
        eve = {"name": "Eve", "email": "eve@example.org"}
        await a.signup(**eve, password="password1")
        code = (await a.signup(**eve, password="of-mallory"))["dev_code"]
        mine = {"email": eve["email"], "code": code, "password": "password1"}
        assert (await a.refused("verify_email", **mine)).startswith("Somebody else has signed up")
        mine["code"] = (await a.signup(**eve, password="password1"))["dev_code"]
        assert (await a.verify_email(**mine))["success"]
        assert (await a.login(email=eve["email"], password="password1"))["success"]


@pytest.mark.req("A-190", "S-49", "D-24")
async def test_codes_expire_and_another_one_is_throttled(start_server):
    server = start_server(ON, "--verification-code-ttl", "2", "--verification-max-attempts", "100", "--verification-resend-throttle", "1")
    async with Accounts(server) as a:
        code = (await a.signup(name="E", email="e@x.org", password="password1"))["dev_code"]
        assert await a.refused("resend_code", email="e@x.org") \
            == "Please wait 1s before requesting another code."

        async def resent():
            answer = await a.resend_code(email="e@x.org")
            return answer["success"] and answer
        answer = await until(resent, step=0.4)
        assert answer == {"success": True, "email": "e@x.org", "dev_code": answer["dev_code"]}
        if code != answer["dev_code"]:
            assert "Incorrect code" in await a.refused("verify_email", email="e@x.org", code=code)

        async def expired():
            text = await a.refused("verify_email", email="e@x.org", code=answer["dev_code"] + "0")
            return text.startswith("No pending verification")
        await until(expired, step=0.6)
        assert (await a.refused("verify_email", email="e@x.org", code=answer["dev_code"])).startswith(
            "No pending verification")


@pytest.mark.req("A-192", "D-21")
async def test_login_gives_no_workspace_of_others(hub, start_server):
    async with Accounts(server := start_server(ON)) as a:
        eve, mal = await a.make("Eve"), await a.make("Mal")
        home, theirs = eve["workspace"], mal["workspace"]
        await hub.raw(server=server, token=mal["token"])
        raw = await hub.raw(server=server, token=eve["token"])
        found = await raw.manage("get_service", "public/hypha-login")

        async def login(workspace):     # over both: what HTTP is asked by has the same name
            asked = {"email": "eve@example.org", "password": "password1", "workspace": workspace}
            answer = await raw.call(found["login"]["_rmethod"], to=found["login"]["_rtarget"], kwargs=asked)
            assert (await a.login(**asked))["workspace"] == answer["workspace"]
            return answer
        for asked in (theirs, "ws-user-root", "public", "*", "no-such-workspace"):
            answer = await login(asked)
            assert answer["workspace"] == home
            assert tokens.claims(answer["token"])["scope"] == f"ws:{home}#a wid:{home}"
        await raw.manage("create_workspace", {"id": "eve-lab", "name": "eve-lab", "persistent": True})
        answer = await login("eve-lab")
        assert answer["workspace"] == "eve-lab"
        lab = await hub.raw(server=server, token=answer["token"])
        assert lab.workspace == "eve-lab"


@pytest.mark.req("A-193", "D-22")
async def test_report_takes_only_tokens_of_this_server(start_server):
    async with Accounts(start_server(ON)) as a:
        key = (await a.start())["key"]
        for token in ("garbage-token", tokens.mint("eve", "ws:ws-user-eve#a", secret="x" * 32)):
            text = await a.raised("report", 400, key=key, token=token)
            assert "ValueError: Invalid token provided to report_login" in text
        assert await a.check(key=key, timeout=0) is None


@pytest.mark.req("A-193", "D-23", "S-52")
async def test_profile_changes_need_the_password_or_the_person(hub, start_server):
    async with Accounts(server := start_server(ON)) as a:
        eve, mal = await a.make("Eve"), await a.make("Mal")
        mine, yes = {"user_email": "EVE@example.org"}, {"success": True,
                                                        "message": "Profile updated successfully"}
        assert await a.refused("update_profile") == "Email is required for profile updates"
        assert await a.refused("update_profile", user_email="no@x.org", name="X") == "User not found"
        strangers = (None, mal["token"], tokens.mint("someone", email="eve@example.org"))
        for token in strangers:
            assert await a.refused("update_profile", **mine, name="Mal", _token=token) \
                == "Log in or give the current password to change the profile"
        raw = await hub.raw(server=server, token=eve["token"])
        child = await raw.manage("generate_token", {"permission": "read"})
        assert "Log in" in await a.refused("update_profile", **mine, name="Mal", _token=child)
        assert await a.refused("update_profile", **mine, new_password="password2",
                               _token=eve["token"]) == "Current password required to change password"
        assert await a.refused("update_profile", **mine, current_password="bad", name="X") \
            == "Current password is incorrect"
        assert await a.refused("update_profile", **mine, current_password="password1",
                               new_password="p") == "New password must be at least 8 characters"
        assert await a.update_profile(**mine, name="Eva", _token=eve["token"]) == yes
        assert await a.update_profile(**mine, current_password="password1",
                                      new_password="password2") == yes
        assert await a.refused("login", email="eve@example.org", password="password1") \
            == "Invalid email or password"
        key = (await a.start())["key"]
        assert (await a.login(email="eve@example.org", password="password2", key=key))["success"]
        assert (await a.check(key=key, timeout=0, profile=True))["name"] == "Eva"


@pytest.mark.req("A-194", "D-24")
async def test_ten_wrong_passwords_lock_the_account_for_a_while(start_server):
    async with Accounts(start_server(ON)) as a:
        await a.make("Eve")
        for email in ("eve@example.org", "nobody@example.org"):
            answers = await asyncio.gather(*(a.login(email=email, password=f"wrong-{i}")
                                             for i in range(12)))
            assert {x["error"] for x in answers} == {"Invalid email or password"}
        assert await a.refused("login", email="eve@example.org", password="password1") \
            == "Invalid email or password"
        assert a.server.metric("hyphad_passwords_wrong_total") == 20


@pytest.mark.req("A-194", "D-24")
async def test_what_is_stored_is_argon2id_and_survives_a_kill(start_server, tmp_path):
    state = tmp_path / "data"
    async with Accounts(server := start_server(ON, data_dir=state)) as a:
        eve = await a.make("Eve")
        server.kill()
    with sqlite3.connect(next(state.rglob("hyphad.db"))) as db:
        dump = "\n".join(db.iterdump()).encode() + next(state.rglob("hyphad.db")).read_bytes()
    assert b"password1" not in dump
    assert b"$argon2id$" in dump or b"$argon2id$".hex().encode() in dump.lower()
    async with Accounts(start_server(ON, data_dir=state)) as a:
        again = await a.login(email="eve@example.org", password="password1")
        assert again["user_id"] == eve["user_id"]
        assert await a.refused("signup", name="E", email="eve@example.org", password="password1") \
            == "Email already registered"


@pytest.mark.req("A-195", "D-25")
async def test_tokens_are_taken_from_every_place(start_server):
    async with Accounts(server := start_server(ON)) as a:
        eve = await a.make("Eve")
        token, path = eve["token"], f"/{eve['workspace']}/services/ws/parse_token"
        for headers in ({"X-Local-Auth": token}, {"Cookie": f"hypha_local_token={token}"},
                        {"Authorization": f"Bearer {token}"}, {"Authorization": token},
                        {"Cookie": f"access_token={token}"},
                        {"X-Local-Auth": f"Bearer {token}"}, {"X-Local-Auth": "",
                                                              "Authorization": f"Bearer {token}"}):
            answer = await a.web.post(path, json={"token": token}, headers=headers)
            assert answer.status_code == 200, (headers, answer.text)
            assert answer.json()["id"] == eve["user_id"]
        answer = await a.web.post(path, json={"token": token})
        assert "403" in answer.text, answer.text
        for headers in ({"X-Local-Auth": "nonsense"}, {"Cookie": "hypha_local_token=nonsense"}):
            answer = await a.web.post(path, json={"token": token}, headers=headers)
            assert answer.status_code == 401, (headers, answer.text)
        assert server.is_running()


@pytest.mark.req("A-236")
async def test_keys_logout_and_what_is_reported_are_kept(hub, start_server):
    async with Accounts(server := start_server(ON)) as a:
        eve = await a.make("Eve")
        started = await a.start(workspace="w-x", expires_in=60)
        key, base = started["key"], "/public/services/hypha-login"
        assert started == {"login_url": f"{server.url}/public/apps/hypha-login/?key={key}", "key": key,
                           "report_url": f"{server.url}{base}/report",
                           "check_url": f"{server.url}{base}/check"}
        assert "ValueError: Invalid login key" in await a.raised("check", 400, key="nokey", timeout=0)
        assert "ValueError: Invalid login key" in await a.raised("report", 400, key="nokey", token="x")
        assert await a.check(key=key, timeout=0) is None
        assert "TimeoutError: Login timeout after 1 seconds" \
            in await a.raised("check", 504, key=key, timeout=1)
        told = {"name": "Eve E.", "nickname": "eve", "picture": "https://x.org/e.png",
                "email": "eve@example.org", "email_verified": True, "user_id": eve["user_id"]}
        assert await a.report(key=key, token=eve["token"], **told) == {"success": True}
        assert await a.check(key=key, timeout=0) == eve["token"]
        got = await a.check(key=key, timeout=0, profile=True)
        assert got == {**told, "token": eve["token"], "workspace": None}
        raw = await hub.raw(server=server)
        found = await raw.manage("get_service", "public/hypha-login")
        assert found["description"] == "Custom authentication service for Hypha"
        out = await raw.call(found["logout"]["_rmethod"], {}, to=found["logout"]["_rtarget"])
        assert out["logout_url"].endswith("/public/apps/hypha-login/?logout=true&close=true")


@pytest.mark.req("C-024")
async def test_start_up_function_of_the_original_turns_accounts_on(start_server):
    server = start_server("--startup-functions", "hypha.local_auth:hypha_startup")
    async with Accounts(server) as a:
        assert (await a.make("Eve"))["success"]


async def test_functions_are_absent_without_the_option(start_server):
    async with Accounts(start_server()) as a:
        answer = await a.web.post("/public/services/hypha-login/signup", json={"name": "E"})
        assert answer.status_code == 404, answer.text


async def test_no_further_accounts_than_allowed(start_server):
    async with Accounts(start_server(ON, "--max-accounts", "1")) as a:
        await a.make("Eve")
        asked = await a.signup(name="Mal", email="mal@x.org", password="password1")
        assert await a.refused("verify_email", email="mal@x.org", code=asked["dev_code"]) \
            == "No further accounts can be made on this server (--max-accounts 1)."
        assert a.server.metric("hyphad_accounts") == 1


async def test_a_rush_of_passwords_is_shed_and_a_stop_in_it_is_clean(hub, start_server):
    async with Accounts(start_server(ON, "--password-hashes", "1", "--password-queue", "3")) as a:
        await a.make("Eve")
        answers = await asyncio.gather(*(a.login(email=f"n{i}@x.org", password="password1")
                                         for i in range(30)))
        assert "The server is busy. Please try again in a moment." in {x["error"] for x in answers}
        raw = await hub.raw(server=a.server)
        found = await raw.manage("get_service", "public/hypha-login")
        for i in range(3):
            await raw.post(found["login"]["_rmethod"], {"email": f"m{i}@x.org", "password": "password1"},
                           to=found["login"]["_rtarget"])
        a.server.stop()


async def test_values_of_the_wrong_kind_are_missing_values(start_server):
    async with Accounts(start_server(ON)) as a:
        await a.make("Eve")
        for value in (7, True, [], {}, ["eve@example.org"], {"a": 1}, None):
            assert (await a.login(email=value, password=value))["success"] is False
            assert (await a.signup(name=value, email=value, password=value))["success"] is False
            assert (await a.verify_email(email=value, code=value))["success"] is False
            assert (await a.update_profile(user_email=value, name=value))["success"] is False
            assert (await a.reset_password(email=value, code=value,
                                           new_password=value))["success"] is False
        for name in ("a" * 65, "a\nb", "a\x00b"):
            assert (await a.refused("signup", name=name, email="z@x.org", password="password1")) \
                .startswith("Name must be at most 64 characters")
        assert "at most 1024 bytes" in await a.refused("signup", name="Z", email="z@x.org",
                                                       password="x" * 1025)
