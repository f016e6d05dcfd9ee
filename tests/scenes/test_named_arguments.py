"""Every function of the hub's own services has the parameters of the specification, and takes each by its name, over HTTP too."""
import pytest

from kit.golden import ROOT_TOKEN
from kit.people import ROOT_ARGS, root, user
from kit.web import client_for

# The parameters of the original; "+" marks what hyphad adds to the original.
TABLE = {
    ("public", "ws"): """
        echo data; log msg; log_event event_type data; get_event_stats event_type start_time end_time;
        get_events event_type start_time end_time; register_service service config; unregister_service service_id;
        list_workspaces match offset limit;
        list_services query include_unlisted include_app_services prioritize_running_services +offset +limit;
        search_services query filters limit offset return_fields order_by pagination include_unlisted;
        list_clients workspace; register_service_type type_info; get_service_type type_id; list_service_types workspace;
        get_service_info service_id config; get_service service_id config; generate_token config; revoke_token token;
        parse_token token; create_workspace config overwrite; delete_workspace workspace; bookmark item; unbookmark item;
        get_workspace_info workspace; get_summary; ping client_id timeout; cleanup workspace timeout; check_status;
        set_env key value; get_env key; subscribe event_type; unsubscribe event_type""",
    ("ws-user-root", "admin-utils"): """
        list_servers; kickout_client workspace client_id code reason; list_workspaces; unload_workspace workspace wait timeout;
        get_metrics; block_user user_id duration reason; unblock_user user_id; block_ip ip duration reason; unblock_ip ip;
        list_blocked; get_resource_usage; +cleanup_orphans timeout; +explain user_or_token workspace service operation""",
    ("public", "queue"): "push queue_name task; pop queue_name timeout; get_length queue_name; peek queue_name n",
}
SAMPLES = {"string": "nothing-of-that-name", "integer": 1, "number": 0, "boolean": False, "object": {}, "array": []}
LEFT_OUT = {"pop", "cleanup", "cleanup_orphans"}       # they wait, or ask every client


def signatures(text):
    for row in text.split(";"):
        name, *parameters = row.split()
        yield name.removeprefix("+"), [p.removeprefix("+") for p in parameters]


def sample_of(parameter):
    kinds = [parameter.get("type"), *(one["type"] for one in parameter.get("anyOf", []))]
    return next((SAMPLES[k] for k in kinds if k in SAMPLES), "anything")


@pytest.mark.differs("the original takes no argument that is called as a part of its route is, by name over HTTP")
@pytest.mark.req("H-128", "W-060", "A-201", "A-202")
async def test_every_function_takes_its_parameters_by_name(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS)
    admin = await root(hub)
    async with client_for(server, ROOT_TOKEN) as http:
        for (workspace, service), text in TABLE.items():
            object_ = await admin.manage("get_service", "~" if service == "ws" else f"{workspace}/{service}")
            functions = {k: v["_rschema"]["parameters"]["properties"] for k, v in object_.items()
                         if isinstance(v, dict) and v.get("_rtype") == "method"}
            assert {name: list(p) for name, p in functions.items()} == dict(signatures(text))
            for name, parameters in functions.items():
                if name in LEFT_OUT:
                    continue
                arguments = {k: sample_of(p) for k, p in parameters.items()}
                answer = await http.post(f"/{workspace}/services/{service}/{name}", json=arguments)
                assert "argument" not in answer.text, (name, arguments, answer.text)


@pytest.mark.differs("the original takes no argument that is called as a part of its route is, by name over HTTP")
@pytest.mark.req("H-128", "A-201", "A-202")
async def test_an_administrator_names_what_is_closed(hub, start_server):
    hub.server = server = start_server(*ROOT_ARGS)
    ada, bob = await user(hub, "ada", "there"), await user(hub, "bob")
    async with client_for(server, ROOT_TOKEN) as http:
        gone = await http.post("/ws-user-root/services/admin-utils/kickout_client",
                               json={"workspace": ada.workspace, "client_id": "there", "reason": "by name"})
        assert (gone.status_code, gone.json()) == (200, None)
        assert (await ada.closed())[1] == "by name"
        unknown = await http.post("/ws-user-root/services/admin-utils/unload_workspace", json={"workspace": "no-such"})
        assert (unknown.status_code, unknown.json()["reason"]) == (200, "there is no such workspace")
        one = await http.post("/public/services/ws/get_service_info", json={"service_id": "ws-user-root/admin-utils"})
        assert one.status_code == 200 and one.json()["id"].endswith(":admin-utils")
        # Of a query, and for a client's function, they are the route's and no arguments.
        assert (await http.get(f"/public/services/ws/list_clients?workspace={bob.workspace}")).status_code == 200
    await bob.register("both", {"both": lambda *args, **kwargs: kwargs}, visibility="public")
    async with client_for(server) as http:
        answer = await http.post(f"/{bob.workspace}/services/both/both", json={"workspace": 1, "service_id": 2, "x": 3})
        assert "workspace" not in answer.text, answer.text
