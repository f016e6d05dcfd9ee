"""The pages of accounts in a real browser, on a desktop and on a phone."""
import asyncio

import hypha_rpc
import pytest

from kit.accounts import DEV_WARNINGS, Accounts
from kit.browser import DESKTOP, PHONE, PROGRAM, Browser
from kit.mailbox import Mailbox
from kit.web import client_for

PAGE = "/public/apps/hypha-login/"
ON = "--enable-local-auth"
EMAIL = "eve@example.org"
pytestmark = pytest.mark.differs("accounts of the original need an object store")
screens = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])


def chromium(test):
    test = pytest.mark.timeout(180)(test)
    return pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")(test)


async def enter(page, view, **fields):
    """Fills a view's form and presses its button."""
    for name, text in fields.items():
        await page.fill(f"#{view}-{name}", text)
    await page.click(f"#{view}-form button")


async def heading(page, text):
    """A person sees that view, and its heading has the focus for who cannot see."""
    await page.until(f"[...document.querySelectorAll('h2')].some((h) => h.checkVisibility() "
                     f"&& h.textContent === {text!r})")


# ---- what is served ----

@pytest.mark.allow_warn(DEV_WARNINGS)
@pytest.mark.req("A-186", "H-116")
async def test_pages_hold_what_others_look_for(start_server):
    async with client_for(server := start_server(ON)) as web:
        page = await web.get(PAGE)
        for words in ("window.parent !== window", "reportLoginComplete", "hypha-login-complete",
                      "postMessage", "window.close(", "<title>Hypha Local Authentication</title>"):
            assert words in page.text, words
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "{{" not in page.text and " style=" not in page.text
        profile = await web.get(f"{PAGE}profile")
        assert profile.status_code == 200 and "<title>My Profile - Hypha</title>" in profile.text
        for function, title in ("index", "Hypha Local Authentication"), ("profile", "My Profile"):
            answer = (await web.get(f"/public/services/hypha-login/{function}")).json()
            assert answer["status"] == 200 and f"<title>{title}" in answer["body"]
        assert (await web.get("/login")).headers["location"] == PAGE
        assert server.is_running()


# ---- a person's way ----

@chromium
@screens
@pytest.mark.req("A-189")
async def test_sign_up_verify_profile_and_log_out(start_server, tmp_path, screen, request):
    shot = f"{request.node.callspec.id}-account"
    async with Mailbox() as box, Browser(tmp_path) as browser:
        server = start_server(ON, *box.options)
        page = await browser.page(server.url + PAGE, screen)
        await heading(page, "Sign in")
        await page.is_accessible()
        await page.photograph(f"{shot}-sign-in")
        await page.click("a[href='#sign-up']")
        await heading(page, "Create an account")
        await page.is_accessible()
        await page.photograph(f"{shot}-sign-up")
        await enter(page, "sign-up", name="Eve", email="Eve@Example.org", password="password1")
        await page.sees("A code is on its way to you.")
        code = await box.code(EMAIL)
        await page.is_accessible()
        await page.photograph(f"{shot}-verify")
        await enter(page, "verify", code=f"{(int(code) + 1) % 1000000:06d}")
        await page.sees("Incorrect code. 4 attempt(s) remaining.")
        await page.photograph(f"{shot}-wrong-code")
        await enter(page, "verify", code=code)
        await page.sees("You are signed in")
        await page.sees(EMAIL)
        cookie = await page.cookie("access_token")
        assert cookie and cookie["sameSite"] == "Lax"
        await page.is_accessible()
        await page.photograph(f"{shot}-signed-in")
        await page.click("#profile-link a")
        await page.until("document.title === 'My Profile - Hypha'")
        await page.fill("#name", "Eva")
        await page.click("#name-form button")
        await page.sees("Your name is changed.")
        await page.fill("#current", "wrong-password")
        await page.fill("#new", "password2")
        await page.click("#password-form button")
        await page.sees("Current password is incorrect")
        await page.fill("#current", "password1")
        await page.fill("#new", "password2")
        await page.click("#password-form button")
        await page.sees("Your password is changed.")
        await page.is_accessible()
        await page.photograph(f"{shot}-profile")
        await page.click("#sign-out-form button")
        await page.sees("You are not signed in")
        assert await page.cookie("access_token") is None
        page.is_quiet()
        async with Accounts(server) as a:
            assert (await a.login(email=EMAIL, password="password2"))["success"]


@chromium
@screens
@pytest.mark.req("A-189", "A-236")
async def test_a_program_waits_while_a_person_logs_in_and_out(start_server, tmp_path, screen, request):
    shot = f"{request.node.callspec.id}-account"
    async with Mailbox() as box, Browser(tmp_path) as browser:
        server = start_server(ON, *box.options)
        async with Accounts(server) as a:
            await a.make("Eve", mailbox=box)
        shown = asyncio.get_running_loop().create_future()

        async def show(context):
            shown.set_result(context["login_url"])
        login = asyncio.ensure_future(hypha_rpc.login({
            "server_url": server.url, "login_timeout": 60, "profile": True,
            "login_callback": show}))
        url = await asyncio.wait_for(shown, 30)
        page = await browser.page(url if url.startswith("http") else server.url + url, screen)
        await page.sees("An application asks you to sign in.")
        await enter(page, "sign-in", email=EMAIL, password="wrong-password")
        await page.sees("Invalid email or password")
        assert await page.eval("document.activeElement.id") == "sign-in-password"
        await page.is_accessible()
        await page.photograph(f"{shot}-wrong-password")
        await enter(page, "sign-in", email=EMAIL, password="password1")
        profile = await asyncio.wait_for(login, 30)
        assert profile["email"] == EMAIL and profile["name"] == "Eve"
        await page.open(f"{server.url}{PAGE}?logout=true")
        await page.sees("You are signed out")
        assert await page.cookie("access_token") is None
        await page.photograph(f"{shot}-signed-out")
        page.is_quiet()


@chromium
@screens
@pytest.mark.req("A-190", "S-49")
async def test_links_of_mails_and_what_an_expired_one_says(start_server, tmp_path, screen, request):
    shot = f"{request.node.callspec.id}-account"
    async with Mailbox() as box, Browser(tmp_path) as browser:
        server = start_server(ON, *box.options)
        async with Accounts(server) as a:
            await a.signup(name="Eve", email=EMAIL, password="password1")
            link = await box.link()
            page = await browser.page(link, screen)
            await heading(page, "Verify your e-mail")
            assert "code=" not in await page.eval("location.href")
            await page.click("#verify-form button")
            await page.sees("Your e-mail is verified. Please sign in.")
            assert await page.eval("document.getElementById('sign-in-email').value") == EMAIL
            again = await browser.page(link, screen)
            await again.click("#verify-form button")
            await again.sees("the code has expired. Please sign up again.")
            await again.is_accessible()
            await again.photograph(f"{shot}-expired-link")
            await page.click("a[href='#forgot']")
            await enter(page, "forgot", email=EMAIL)
            await page.sees("If there is such an account, a code is on its way.")
            await page.is_accessible()
            await page.photograph(f"{shot}-reset")
            reset = await browser.page(await box.link(), screen)
            await heading(reset, "Choose another password")
            await enter(reset, "reset", password="password2")
            await reset.sees("Your password is changed. Please sign in.")
            await enter(reset, "sign-in", password="password2")
            await reset.sees("You are signed in")
            for one in page, again, reset:
                one.is_quiet()
                assert not any("code=" in r["url"].split("#")[0] for r in one.requests)


@chromium
@pytest.mark.allow_warn(DEV_WARNINGS)
@pytest.mark.req("A-191")
async def test_a_server_without_mail_says_that_none_was_sent(start_server, tmp_path):
    claims_mail = "/on its way|we send|have sent you|Send /.test(document.body.innerText)"
    server = start_server(ON)
    async with Browser(tmp_path) as browser:
        page = await browser.page(server.url + PAGE + "#sign-up")
        await enter(page, "sign-up", name="Eve", email=EMAIL, password="password1")
        await page.sees("No mail was sent")
        assert not await page.eval(claims_mail)
        await page.is_accessible()
        await page.click("#verify-form button")
        await page.sees("You are signed in")
        await page.sees("ws-user-")
        await page.click("#own summary")
        token = await page.eval("document.getElementById('own-token').value")
        assert token == (await page.cookie("access_token"))["value"]
        workspace = await page.eval("[...document.querySelectorAll('dt')].find((t) => "
                                    "t.textContent === 'Workspace').nextSibling.textContent")
        async with hypha_rpc.connect_to_server({"server_url": server.url, "token": token}) as client:
            assert client.config.workspace == workspace
        await page.click("#profile-link a")
        await page.until("document.title === 'My Profile - Hypha'")
        await page.click("a[href='./']")
        await page.sees("You are signed in")
        await page.click("#sign-out-form button")
        await page.sees("You are signed out.")
        assert await page.eval("document.getElementById('own-token').value") == ""
        await page.click("a[href='#forgot']")
        await heading(page, "Forgot your password?")
        assert not await page.eval(claims_mail)
        await enter(page, "forgot", email=EMAIL)
        await page.sees("No mail was sent")
        assert not await page.eval(claims_mail)
        await enter(page, "reset", password="password2")
        await page.sees("Your password is changed. Please sign in.")
        page.is_quiet()


@chromium
async def test_the_keyboard_is_enough(start_server, tmp_path):
    async with Mailbox() as box, Browser(tmp_path) as browser:
        server = start_server(ON, *box.options)
        page = await browser.page(server.url + PAGE)
        await heading(page, "Sign in")
        await page.tab_to("a[href='#sign-up']")
        await page.press("Enter")
        await heading(page, "Create an account")
        for field, text in ("name", "Eve"), ("email", EMAIL), ("password", "password1"):
            await page.tab_to(f"#sign-up-{field}")
            await page.type(text)
        await page.press("Enter")
        await page.sees("A code is on its way to you.")
        assert await page.eval("document.activeElement.textContent") == "Verify your e-mail"
        await page.tab_to("#verify-code")
        await page.type(await box.code(EMAIL))
        await page.press("Enter")
        await page.sees("You are signed in")
        await page.tab_to("#sign-out-form button")
        await page.press(" ")
        await page.sees("You are signed out.")
        page.is_quiet()


@chromium
@pytest.mark.allow_warn(DEV_WARNINGS)
async def test_texts_of_strangers_stay_texts(start_server, tmp_path):
    async with Browser(tmp_path) as browser:
        server = start_server(ON)
        page = await browser.page(f"{server.url}{PAGE}?redirect=javascript:alert(1)"
                                  "#verify&email=<img src=x onerror=alert(1)>&code=<b>1</b>")
        await heading(page, "Verify your e-mail")
        assert await page.eval("document.images.length") == 0
        await page.open(f"{server.url}{PAGE}?key=<script>alert(1)</script>")
        await heading(page, "Sign in")
        await enter(page, "sign-in", email=EMAIL, password="password1")
        await page.sees("No users registered yet. Please sign up first.")
        page.is_quiet()
