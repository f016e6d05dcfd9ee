"""Search of services by their texts: what is found, in which order, by whom; what is no question."""
import asyncio

import pytest

from kit.people import member, refusal_of, user
from kit.raw import RpcError

OWN = pytest.mark.differs("the original searches by embeddings, which it downloads; words are searched for here")
SEARCH = "--enable-service-search"


async def offer(raw, short, description=None, *, visibility="public", **more):
    config = {"visibility": visibility, **more.pop("config", {})}
    await raw.manage("register_service", {"id": f"{raw.address}:{short}", "name": short,
                                          "description": description, "config": config, **more})


def ids(items):
    return [item["id"] for item in items]


def names(items):
    return [item["id"].split(":")[1] for item in items]


@pytest.mark.req("A-117")
async def test_without_the_option_it_says_so(hub, server):
    ada = await user(hub, "ada117")
    for args in (("x",), ()):
        text = await refusal_of(ada.manage("search_services", *args))
        assert "RuntimeError" in text and "Service search is not enabled." in text


@OWN
async def test_words_find_and_closer_comes_first(hub, start_server):
    hub.server = start_server(SEARCH)
    ada = await user(hub, "ada")
    await offer(ada, "segment", "Finds the outlines of cells in microscopy images", name="Cell segmentation")
    await offer(ada, "track", "Follows moving cells through a series of images", type="tracker")
    await offer(ada, "weather", "Tomorrow's weather", docs="Rain, wind and the outlook for cells of thunder")
    found = await ada.manage("search_services", "cell segmentation")
    assert names(found)[0] == "segment" and "weather" in names(found)
    scores = [item["score"] for item in found]
    assert scores == sorted(scores) and all(0 <= s <= 1 for s in scores)
    assert names(await ada.manage("search_services", "micro")) == ["segment"], "a word may go on"
    assert sorted(names(await ada.manage("search_services", "image"))) == ["segment", "track"]
    assert await ada.manage("search_services", "zebra") == []
    assert await ada.manage("search_services", "...!!!") == []
    item = found[0]
    assert set(item) == {"id", "name", "type", "description", "docs", "app_id", "service_schema", "config",
                         "score"}
    assert item["id"] == f"{ada.address}:segment"


@OWN
async def test_the_index_follows_the_registry(hub, start_server):
    hub.server = start_server(SEARCH)
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    await offer(ada, "one", "quince")
    assert names(await bob.manage("search_services", "quince")) == ["one"]
    await offer(ada, "one", "medlar")
    assert await bob.manage("search_services", "quince") == []
    assert names(await bob.manage("search_services", "medlar")) == ["one"]
    await ada.manage("unregister_service", "one")
    assert await bob.manage("search_services", "medlar") == []
    await offer(ada, "two", "medlar")
    await ada.shut()

    async def nothing():
        return await bob.manage("search_services", "medlar") == []
    from kit.hub import until
    await until(nothing)
    # The server's own services are there too.
    assert "queue" in names(await bob.manage("search_services", "task queue"))


@OWN
async def test_only_what_the_caller_may_see(hub, start_server):
    hub.server = start_server(SEARCH)
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    mate, anon = await member(hub, ada, "read"), await hub.raw()
    for visibility in ("public", "protected", "unlisted"):
        await offer(ada, f"s-{visibility}", "quince jelly", visibility=visibility)
    await offer(ada, "s-named", "quince jelly", visibility="protected",
                config={"authorized_workspaces": [bob.workspace]})
    for who, unlisted, wanted in ((ada, False, {"s-public", "s-protected", "s-named"}),
                                  (ada, True, {"s-public", "s-protected", "s-named", "s-unlisted"}),
                                  (mate, False, {"s-public", "s-protected", "s-named"}),
                                  (bob, False, {"s-public"}), (bob, True, {"s-public"}),
                                  (anon, True, {"s-public"})):
        for query in ("quince", None):
            found = await who.manage("search_services", query, {"description": "jelly"}, limit=50,
                                     include_unlisted=unlisted)
            assert set(names(found)) == wanted, (who.address, unlisted)
    # Nobody is found by what is not shown of them.
    assert await anon.manage("search_services", "example.org", {"type": "built-in"}) == []
    found = await anon.manage("search_services", None, {"type": "built-in"}, limit=50)
    others = [item["config"]["created_by"] for item in found if item["config"]["workspace"] != anon.workspace]
    assert others and all(set(by) == {"id"} for by in others)


@OWN
async def test_filters(hub, start_server):
    hub.server = start_server(SEARCH)
    ada = await user(hub, "ada")
    schema = {"blur": {"type": "function", "function": {"name": "blur", "description": "gaussian smoothing",
                                                        "parameters": {}}}}
    await offer(ada, "a", "red apple", type="fruit", service_schema=schema, config={"flags": ["x", "y"]})
    await offer(ada, "b", "red brick", type="stone", config={"require_context": True, "singleton": True})
    await offer(ada, "c", "green apple tree", type="fruit", visibility="protected", app_id="app-1")

    async def search(filters, query=None):
        return names(await ada.manage("search_services", query, filters, limit=50))

    assert await search({"type": "fruit"}) == ["a", "c"]
    assert await search({"type": "fru"}) == [] == await search({"type": "fruit*"})
    assert await search({"type": "fruit"}, "red") == ["a"]
    assert await search({"flags": "y"}) == ["a"] and await search({"flags": "z"}) == []
    assert await search({"singleton": "true", "require_context": True, "type": "stone"}) == ["b"]
    assert await search({"visibility": "protected", "app_id": "app-1"}) == ["c"]
    assert await search({"workspace": ada.workspace, "type": "stone"}) == ["b"]
    assert await search({"id": f"{ada.address}:b"}) == ["b"]
    assert await search({"description": "apple"}) == ["a", "c"]
    assert await search({"description": "green apple"}) == ["c"], "words stand as they stand there"
    assert await search({"description": "tree apple"}) == []
    assert await search({"description": "bri*"}) == ["b"]
    assert await search({"description": "appl", "type": "fruit"}) == ["a", "c"]
    assert await search({"description": "*", "type": "stone"}) == ["b"]
    assert await search({"service_schema": "gaussian"}) == ["a"]
    assert await search({"created_by": "ada", "type": "fruit"}) == ["a", "c"]
    assert await search({"name": "b", "description": "red"}) == ["b"]
    for filters, text in (({"colour": "red"}, "ValueError: Unknown field 'colour' in filters."),
                          ({"config": "x"}, "Unknown field 'config' in filters."),
                          ({5: "x"}, "Unknown field"),
                          ({"type": 5}, "TagField 'type' requires a string value."),
                          ({"name": ["a"]}, "TextField 'name' requires a string value."),
                          ({"name": "a*b"}, "AssertionError: Wildcard '*' must be at the end.")):
        assert text in await refusal_of(ada.manage("search_services", None, filters)), filters


@OWN
async def test_pages_fields_and_order(hub, start_server):
    hub.server = start_server(SEARCH)
    ada = await user(hub, "ada")
    for i in range(12):
        await offer(ada, f"s{i:02}", f"quince {chr(ord('z') - i)}", type="jam")
    jam = {"type": "jam"}
    assert len(await ada.manage("search_services", None, jam)) == 5
    page = await ada.manage("search_services", "quince", jam, limit=5, offset=10, pagination=True)
    assert (page["total"], page["offset"], page["limit"], len(page["items"])) == (12, 10, 5, 2)
    assert (await ada.manage("search_services", None, jam, offset=99, pagination=True))["items"] == []
    ordered = await ada.manage("search_services", None, jam, limit=12, order_by="description")
    assert names(ordered) == [f"s{i:02}" for i in reversed(range(12))]
    assert await ada.manage("search_services", None, jam, limit=1, return_fields=["name", "type", "visibility"]) \
        == [{"name": "s00", "type": "jam", "visibility": "public"}]
    scored = await ada.manage("search_services", "quince", jam, limit=1, return_fields=["id", "score"])
    assert set(scored[0]) == {"id", "score"}
    for more, text in (({"limit": 0}, "Limit must be greater than 0"), ({"limit": 1001}, "Limit must be"),
                       ({"offset": -1}, "Offset number must be greater than or equal to 0"),
                       ({"return_fields": ["secret"]}, "Invalid field: secret"),
                       ({"return_fields": []}, "return_fields must name"),
                       ({"order_by": "secret"}, "Invalid order_by field: secret")):
        text_got = await refusal_of(ada.manage("search_services", None, None, **more))
        assert "ValueError" in text_got and text in text_got


@OWN
async def test_what_comes_is_text_and_no_query_language(hub, start_server):
    server = hub.server = start_server(SEARCH)
    ada = await user(hub, "ada")
    await offer(ada, "one", "quince NEAR jelly", name="f0 : key")
    await offer(ada, "two", "medlar")
    for query in ('quince" OR "medlar', "quince NOT quince", 'f1 : zebra', "key:ws-user", "NEAR(quince zebra, 1)",
                  '"', "'; DROP TABLE texts; --", "*", "^quince", "{f0 f1}", "quince\0medlar", "(", ")", "-", "+",
                  "a" * 1000, "ü" * 500, "\u202e\ufeff", " ".join("abcdefghijklmnopqrstuvwxyz" * 2)):
        found = await ada.manage("search_services", query, limit=50)
        assert isinstance(found, list), query
        assert isinstance(await ada.manage("search_services", None, {"description": query}), list), query
    assert "one" in names(await ada.manage("search_services", "quince NOT quince"))
    for query in ([0.1, 0.2], b"\0" * 16, {"_rtype": "ndarray", "_rvalue": b"", "_rshape": [4], "_rdtype": "float32"}):
        text = await refusal_of(ada.manage("search_services", query))
        assert "ValueError" in text and "no embeddings" in text, query
    for query in (5, True, {"a": 1}):
        assert "TypeError" in await refusal_of(ada.manage("search_services", query)), query
    assert "longer than 1024 bytes" in await refusal_of(ada.manage("search_services", "x" * 2000))
    assert names(await ada.manage("search_services", "medlar")) == ["two"]
    server.check_log()


@OWN
async def test_the_published_clients_search(hub, start_server):
    hub.server = start_server(SEARCH)
    api = await hub.py()
    await api.register_service({"id": "imager", "description": "Deconvolution of confocal stacks",
                                "config": {"visibility": "public"}, "run": lambda x: x})
    assert names(await api.search_services(query="confocal")) == ["imager"]
    page = await api.search_services(filters={"description": "stacks"}, pagination=True)
    assert page["total"] == 1
    js = await hub.js(beside=api)
    assert names(await js.manage("searchServices", "confocal")) == ["imager"]


@OWN
async def test_many_services(hub, start_server):
    hub.server = start_server(SEARCH, "--max-services-per-client", "3000")
    ada = await user(hub, "ada")
    for begin in range(0, 2000, 200):
        await asyncio.gather(*(offer(ada, f"n{i}", f"common word number{i}") for i in range(begin, begin + 200)))
    assert names(await ada.manage("search_services", "number1777"))[0] == "n1777"
    page = await ada.manage("search_services", "common", limit=1000, pagination=True, return_fields=["id"])
    assert page["total"] == 2000 and len(page["items"]) == 1000


@OWN
@pytest.mark.req("S-66")
async def test_a_flood_of_services_hides_its_own(hub, start_server):
    """The index has a size, and everybody a share: who fills it, by many connections too, is what is no longer found."""
    hub.server = server = start_server(SEARCH, "--search-bytes", "64K", "--search-user-bytes", "24K")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    others = [await user(hub, "bob"), await hub.raw(hub.name("anon")), await hub.raw(hub.name("anon"))]
    for i in range(3):
        await offer(ada, f"mine{i}", "quince " * 20)
    for who in (bob, *others):
        for i in range(30):
            await offer(who, f"n{i}", "medlar", docs="medlar " * 200)
    assert len(await ada.manage("search_services", "quince")) == 3
    found = names(await ada.manage("search_services", "medlar", limit=100))
    assert 10 <= len(found) <= 24 and "n29" in found and "n0" not in found
    assert server.metric("hyphad_search_bytes") <= 64 * 1024
    assert server.metric("hyphad_search_dropped_total") >= 90
    assert len([s for s in await bob.manage("list_services") if ":n" in s["id"]]) == 60, "all of them are listed"
    await ada.manage("unregister_service", f"{ada.address}:mine0")
    assert len(await ada.manage("search_services", "quince")) == 2


@OWN
@pytest.mark.req("S-66")
async def test_of_a_full_index_who_has_most_gives_way(hub, start_server):
    hub.server = start_server(SEARCH, "--search-bytes", "64K", "--search-user-bytes", "64K")
    ada, bob = await user(hub, "ada"), await user(hub, "bob")
    for i in range(40):
        await offer(bob, f"n{i}", "medlar", docs="medlar " * 250)
    for i in range(8):
        await offer(ada, f"mine{i}", "quince", docs="quince " * 250)
    assert len(await ada.manage("search_services", "quince", limit=100)) == 8
    for i in range(40, 80):
        await offer(bob, f"n{i}", "medlar", docs="medlar " * 250)
    assert len(await ada.manage("search_services", "quince", limit=100)) == 8
    assert len(await ada.manage("search_services", "medlar", limit=100)) > 8
