"""Accounts of the server itself, as a person or a page sees them: the functions of `hypha-login` over HTTP."""
from .web import client_for

SERVICE = "/public/services/hypha-login"
DEV_WARNINGS = "no mail transport|verification code, for development"


class Accounts:
    """`async with Accounts(server) as accounts`: `await accounts.signup(name=..., ...)` and so on."""

    def __init__(self, server):
        self.server, self.web = server, client_for(server)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.web.aclose()

    def __getattr__(self, function):
        async def call(_token=None, **args):
            headers = {"Authorization": f"Bearer {_token}"} if _token else {}
            answer = await self.web.post(f"{SERVICE}/{function}", json=args, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()
        return call

    async def refused(self, function, **args):
        """The text of {success: false, error: text}."""
        answer = await getattr(self, function)(**args)
        assert answer.keys() == {"success", "error"} and answer["success"] is False, answer
        return answer["error"]

    async def raised(self, function, status, **args):
        """The text of an error that is raised."""
        answer = await self.web.post(f"{SERVICE}/{function}", json=args)
        assert answer.status_code == status, answer.text
        return answer.json()["detail"]

    async def make(self, name, password="password1", mailbox=None):
        """An account that exists: its login answer. The code comes by mail, or as `dev_code`."""
        email = f"{name.lower()}@example.org"
        asked = await self.signup(name=name, email=email, password=password)
        assert asked["success"], asked
        code = await mailbox.code(email) if mailbox else asked["dev_code"]
        done = await self.verify_email(email=email, code=code)
        assert done["success"], done
        return await self.login(email=email, password=password)


def wrong(code):
    """As many digits, which are not the code."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"
