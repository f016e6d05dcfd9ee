"""Who may call what over plain HTTP: exchanges recorded from the original, replayed against ours."""
import pytest

from kit.http_golden import Golden

OWN_AUTH = {"cookie-before-header": (200, b"1")}


@pytest.mark.req("H-004", "H-043", "H-044", "H-045", "H-046", "H-047", "H-048", "H-050", "H-051", "H-136")
@pytest.mark.differs("D10: the header comes before the cookie")
async def test_recorded_auth(hub, start_server):
    golden = await Golden(hub, start_server()).start()
    assert await golden.replay("auth", skip={"expired-app", "public-login-check"}, own=OWN_AUTH) == 26
    assert not golden.problems, "\n".join(golden.problems)
