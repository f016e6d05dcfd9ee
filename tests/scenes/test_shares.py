"""Tables everybody writes into: nobody's rows take the place of somebody else's."""
import urllib.error

import pytest

from kit import tokens
from kit.raw import Raw, RpcError
from kit.hub import until
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.tcp import Tcp
from kit.web import client_for


@pytest.mark.differs("the original keeps any number")
@pytest.mark.req("S-81", "A-043")
async def test_nobody_keeps_others_from_revoking(hub, start_server):
    """Shares of a user and of an address; who has filled theirs is refused, the others are not."""
    hub.server = start_server("--max-revocations", "60", "--max-revocations-per-user", "3",
                              "--max-revocations-per-address", "2")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    anons = [await hub.raw(hub.name("anon")) for _ in range(3)]

    async def revoke_one(who):
        return await who.manage("revoke_token", await who.manage("generate_token"))

    for who in (ada, ada, ada, anons[0], anons[1]):
        assert await revoke_one(who) is None
    spared = await ada.manage("generate_token")
    for who in (ada, anons[2]):
        assert "as many tokens that are good still as you may" in await refusal_of(revoke_one(who))
    assert await bob.manage("revoke_token", spared) is None
    assert "revoked" in (await hub.refused({"client_id": "late", "token": spared})).message


@pytest.mark.differs("the original keeps any number")
@pytest.mark.req("S-81", "S-109")
async def test_strangers_over_http_are_known_by_their_address(hub, start_server):
    """Who has no connection is not one of all those who have none."""
    hub.server = server = start_server("--max-revocations", "60", "--max-revocations-per-address", "2")
    anon = await hub.raw("anon")
    token = await anon.manage("generate_token", {"permission": "admin"})

    async def revoke_one(address):
        async with client_for(server, token, address) as http:
            return (await http.post(f"/{anon.workspace}/services/ws/revoke_token",
                                    json={"token": await anon.manage("generate_token")})).text
    for address in ("127.0.0.2", "127.0.0.2", "127.0.0.3"):
        assert await revoke_one(address) == "null"
    assert "as many tokens that are good still as you may" in await revoke_one("127.0.0.2")
    assert await revoke_one("127.0.0.3") == "null"


@pytest.mark.differs("the original remembers what it need not")
@pytest.mark.req("S-81", "A-042")
async def test_what_is_refused_already_takes_no_place(hub, start_server):
    hub.server = server = start_server("--max-revocations-per-user", "1")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    first = await ada.manage("generate_token", {"permission": "admin"})
    child = await (await hub.raw("kid", token=first)).manage("generate_token")
    assert "expired" in await refusal_of(ada.manage("revoke_token", tokens.mint("kid", "ws:ws-user-ada#r", ttl=-5, parent="ada")))
    assert "Invalid token" in await refusal_of(ada.manage("revoke_token", "nonsense"))
    for token in (first, first, child):
        assert await ada.manage("revoke_token", token) is None
    assert server.metric("hyphad_revocations") == 1
    assert await bob.manage("revoke_token", await bob.manage("generate_token")) is None


@pytest.mark.differs("the original keeps any number")
@pytest.mark.req("S-81")
async def test_a_spent_entry_makes_room_for_the_next(hub, start_server):
    """Of a full share the entry goes whose token has expired: it held for nothing but what that token had made."""
    hub.server = start_server("--max-revocations-per-user", "1")
    ada = await user(hub, "ada")
    assert await ada.manage("revoke_token", await ada.manage("generate_token", {"expires_in": 1})) is None
    token = await ada.manage("generate_token")

    async def revoked():
        try:
            return await ada.manage("revoke_token", token) is None
        except Exception as full:
            assert "as many tokens" in str(full)
    assert await until(revoked)


@pytest.mark.differs("the original keeps any number, of any size")
@pytest.mark.req("S-85", "A-093")
async def test_a_flood_of_events_pushes_out_its_own(hub, start_server):
    """By rows and by bytes; of a user with many tokens, of anonymous people with many names, of a whole log."""
    hub.server = server = start_server(
        "--event-log-user-rows", "40", "--event-log-total-bytes", "128K", "--event-log-user-bytes", "64K",
        "--event-log-max-rows", "60", "--event-log-row", "8K")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    kids = [await member(hub, bob, "read_write") for _ in range(3)]
    anons = [await hub.raw(hub.name("anon")) for _ in range(4)]
    inside = await member(hub, bob, "read_write")      # another token of his: the same share

    async def rows(who):
        return len(await who.manage("get_events", "t"))

    async def write(who, n, data=None):
        for _ in range(n):
            await who.manage("log_event", "t", data)
    await write(ada, 20)
    for who in (*kids, bob, inside):
        await write(who, 25)
    assert sum([await rows(who) for who in (*kids, bob, inside)]) <= 40
    for who in anons:
        await write(who, 25)
    assert sum([await rows(who) for who in anons]) <= 40 and await rows(anons[-1]) > 0
    for who in (bob, anons[0], *kids):
        await write(who, 12, "x" * 7000)
    assert await rows(ada) == 20
    assert server.metric("hyphad_event_log_dropped_total") > 100


async def fill(create, owner, at_most=20):
    """Makes workspaces with large records until one is refused; how many there are, and the refusal."""
    for n in range(at_most):
        try:
            await create(n)
        except Exception as full:
            return n, str(full)
    raise AssertionError(f"{owner} is never refused")


@pytest.mark.differs("the original counts for whoever is named as an owner")
@pytest.mark.req("S-87", "A-102")
async def test_who_is_named_as_an_owner_has_made_nothing(hub, start_server, tmp_path):
    """Workspaces count, and their records are paid for, by who made them: nobody can use up somebody else's quota."""
    args = ("--max-workspaces-per-user", "4")
    hub.server = server = start_server(*args, data_dir=tmp_path)
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    for i in range(3):      # the personal one counts
        await ada.manage("create_workspace", {"id": f"ada-{i}", "persistent": True, "owners": ["bob"]})
    assert "user ada already owns 4 workspaces (max 4)" in await refusal_of(
        ada.manage("create_workspace", {"id": "ada-3", "owners": ["bob"]}))
    await bob.manage("create_workspace", {"id": "bob-0"})
    await hub.close()
    server.stop()
    hub.server = start_server(*args, data_dir=tmp_path)
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    assert "already owns 4" in await refusal_of(ada.manage("create_workspace", {"id": "ada-3", "owners": ["bob"]}))
    for i in range(3):
        await bob.manage("create_workspace", {"id": f"bob-{i}"})


@pytest.mark.differs("the original keeps any number, of any size")
@pytest.mark.req("S-87")
async def test_records_are_paid_for_by_who_made_them(hub, start_server):
    hub.server = start_server("--user-bytes", "300K")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    large = {"filling": "x" * 60_000}

    def of(who, name):
        return lambda n: who.manage("create_workspace", {"id": f"{name}-{n}", "owners": ["bob"], "config": large})
    n_ada, refusal = await fill(of(ada, "ada"), "ada")
    assert "--user-bytes" in refusal and 2 <= n_ada <= 6
    n_bob, _ = await fill(of(bob, "bob"), "bob")
    assert n_bob == n_ada


@pytest.mark.differs("the original keeps records of any size")
@pytest.mark.req("S-89")
async def test_a_full_record_says_so_and_hurts_no_other(hub, start_server):
    """Variables, service types and bookmarks lie in the record of a workspace: who may write there can fill that one only."""
    hub.server = start_server("--max-workspace-record", "8K")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    guest = await hub.raw("guest", token=login("eve", "ws:ws-user-ada#rw"), workspace="ws-user-ada")
    limit = "(--max-workspace-record)"

    async def refused_in_the_end(write):
        for n in range(50):
            try:
                await write(n)
            except Exception as full:
                return n, str(full)
        raise AssertionError("never refused")
    n_set, text = await refused_in_the_end(lambda n: guest.manage("set_env", f"KEY_{n}", "x" * 1000))
    assert limit in text and 3 <= n_set <= 8

    def add_type(who):
        return lambda n: who.manage("register_service_type", {"id": f"type-{n}", "name": "T", "definition": {"x": "y" * 1000}})
    _, text = await refused_in_the_end(add_type(guest))
    assert limit in text
    assert await bob.manage("set_env", "KEY", "x" * 1000) is None
    await ada.manage("create_workspace", {"id": "ada-lab"})
    inside = await user(hub, "ada", workspace="ada-lab")
    await inside.manage("set_env", "KEY", "x" * 1000)
    await add_type(inside)(0)
    for n in range(2):      # who may write may take away
        await ada.manage("set_env", f"KEY_{n}", None)
    await ada.manage("set_env", "MINE", "x" * 1000)
    await ada.register("svc", {"f": lambda: 1})
    _, text = await refused_in_the_end(lambda n: ada.manage("set_env", f"MORE_{n}", "x" * 100))
    assert limit in text
    assert limit in await refusal_of(ada.manage("bookmark", {"bookmark_type": "service", "id": "svc"}))


@pytest.mark.differs("blocks of the original have no number")
@pytest.mark.req("S-89", "A-203")
async def test_only_who_is_admin_fills_the_blocks(hub, start_server):
    hub.server = start_server(*ROOT_ARGS, "--max-blocks", "2")
    boss, ada = await root(hub), await user(hub, "ada")
    at = "ws-user-root/" + boss.info["manager_id"][8:]

    async def block(who, name):
        return await who.call("services.admin-utils.block_user", name, 3600, "test", to=at)
    assert "Permission" in await refusal_of(block(ada, "somebody"))
    for name in ("one", "two", "two"):      # one that is blocked already takes no further place
        await block(boss, name)
    assert "(--max-blocks)" in await refusal_of(block(boss, "three"))
    await boss.call("services.admin-utils.unblock_user", "one", to=at)
    await block(boss, "three")


MB = 1 << 20


async def hoard(hub, name, n_workspaces):
    """Registers long services in so many workspaces of one person until each is refused; the refusals."""
    texts, first = [], await user(hub, name)
    for w in range(n_workspaces):
        try:
            if w:
                await first.manage("create_workspace", {"id": f"{name}-{w}"})
            raw = await hub.raw(token=login(name), workspace=f"{name}-{w}") if w else first
            for n in range(400):
                await raw.register(f"big-{n}", {}, docs="d" * 150_000)
        except (RpcError, ConnectionError) as full:
            texts.append(str(full))
    return texts


@pytest.mark.differs("the original has no accounts")
@pytest.mark.req("S-143")
async def test_one_person_cannot_fill_the_server_over_workspaces(hub, start_server):
    """Two greedy people take what they can; who is known and asks for little is served, by both transports."""
    hub.server = server = start_server("--process-bytes", "32M", "--peer-bytes", "16M", "--sendq-bytes", "4M",
                                       "--max-message", "4M", "--max-frame", "4M", "--pressure-high", "2M",
                                       "--ws-msg-rate-limit", "none")
    assert len(await hoard(hub, "eve", 4)) == 4
    held = server.metric('hyphad_account_bytes{account="clients"}')
    assert 12 * MB < held < 17 * MB
    assert server.metric('hyphad_account_refusals_total{account="person"}') > 0
    await hoard(hub, "mallory", 4)
    assert server.metric('hyphad_account_bytes{account="clients"}') < 25 * MB        # the last eighth is for others
    assert server.metric('hyphad_account_refusals_total{account="clients"}') > 0
    ada = await user(hub, "ada")
    await ada.register("s", {"f": lambda text: len(text)})
    assert await ada.call("services.s.f", "x" * 100_000, to=ada.address) == 100_000
    async with client_for(server, login("ada"), "127.0.0.2") as http:
        answer = await http.post(f"/{ada.workspace}/services/{ada.client_id}:s/f", json=["x" * 10_000])
        assert (answer.status_code, answer.text) == (200, "10000")
        assert (await http.get("/health")).status_code == 200


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 60_000
BODY = b"POST /public/services/s/f HTTP/1.1\r\nHost: x\r\nContent-Length: 130000\r\n\r\n" + b"a" * 100_000


async def crowd(server, data, n):
    """So many strangers at addresses of their own, each with a request that does not end."""
    sockets = [await Tcp.open(server, address=f"127.3.0.{i + 1}") for i in range(n)]
    for sock in sockets:
        try:
            await sock.send(data)
        except ConnectionError:         # refused already
            pass
    return sockets


@pytest.mark.differs("the original has no accounts")
@pytest.mark.req("S-145")
@pytest.mark.parametrize("data", [HEAD, BODY], ids=["heads", "bodies"])
async def test_strangers_cannot_fill_what_http_may_hold(hub, start_server, data):
    """They have three quarters of --http-bytes. Health and figures are answered, who is known comes in and is served."""
    hub.server = server = start_server("--http-bytes", "4M", "--min-body-rate", "none", "--head-timeout", "60",
                                       "--trusted-proxies", "203.0.113.0/24")
    http_bytes = 'hyphad_account_bytes{account="http"}'
    sockets = await crowd(server, data, 100)
    try:
        # One that has come while there was room, and asks when there is none, may still be refused.
        assert await until(lambda: server.metric(http_bytes) > 2.5 * MB, not_yet=(urllib.error.HTTPError,))
        assert server.metric(http_bytes) < 3.25 * MB
        ada = await Raw.open(server, {"client_id": "ada", "token": login("ada")}, local_addr=("127.4.0.1", 0))
        await ada.joined()
        await ada.register()
        await ada.register("s", {"f": lambda text: len(text)})
        for address in ("127.4.0.1", "127.4.0.2"):
            async with client_for(server, login("ada"), address) as http:
                answer = await http.post(f"/{ada.workspace}/services/{ada.client_id}:s/f", json=["x" * 60_000])
                assert (answer.status_code, answer.text) == (200, "60000")
            async with client_for(server, None, address) as http:
                for path in ("/health/liveness", "/health", "/metrics"):
                    assert (await http.get(path)).status_code == 200
        await ada.shut()
    finally:
        for sock in sockets:
            sock.writer.transport.abort()
