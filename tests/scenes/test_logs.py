"""What the log tells: who came, who was refused and by which rule, who left and why, and nothing secret, in both formats."""
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from kit.accounts import DEV_WARNINGS, Accounts
from kit.golden import ROOT_TOKEN
from kit.http_stream import Stream
from kit.hub import until
from kit.people import ROOT_ARGS, login, member, refusal_of, root, user
from kit.tokens import SECRET
from kit.web import client_for
from test_admin import admin_call
from test_backpressure import SMALL_QUEUES, flood, stalled_pair

PAIR = re.compile(r' ?([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]*)')

pytestmark = pytest.mark.differs("the original logs in prose")


def events(text):
    """Each line as a dict, whichever format it is in."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
        else:
            pairs = PAIR.findall(line)
            assert "".join(f" {k}={v}" for k, v in pairs)[1:] == line, line
            found.append({k: json.loads(v) if v.startswith('"') else v for k, v in pairs})
    return found


def lines_of(server, msg, **fields):
    """The lines of that message whose fields are these (as text)."""
    whole = server.log_text(10_000_000).rpartition("\n")[0]
    return [e for e in events(whole)
            if e["msg"] == msg and all(str(e.get(k)) == str(v) for k, v in fields.items())]


async def line(server, msg, **fields):
    """The one such line, waited for: the log has a thread of its own."""
    found = await until(lambda: lines_of(server, msg, **fields))
    assert len(found) == 1, found
    return found[0]


@pytest.mark.req("S-100", "S-101", "C-075")
@pytest.mark.allow_warn(DEV_WARNINGS)
@pytest.mark.parametrize("log_format", ("kv", "json"))
async def test_who_came_was_refused_and_left(hub, start_server, log_format):
    hub.server = server = start_server(*ROOT_ARGS, f"--log-format={log_format}", "--loglevel=debug", "--log-rate=none",
                                       "--enable-local-auth", "--access-log")
    secrets = [ROOT_TOKEN, SECRET]

    # those who come and go
    boss = await root(hub)
    token = login("ada")
    ada = await hub.raw("a-client", token=token)
    secrets += [token, ada.info["reconnection_token"]]
    there = await line(server, "client connected", client=ada.address)
    assert (there["level"], there["subj"], there["user"], there["address"], there["via"]) == (
        "info", "peer", "ada", "127.0.0.1", "websocket")
    guest = await member(hub, ada, "read", "guest")
    await guest.shut()
    gone = await line(server, "client disconnected", client=f"{ada.workspace}/guest")
    assert gone["reason"] == "it closed the connection" and int(gone["seconds"]) >= 0

    # refusals: of a first message, of a token, of a request, of a stream
    refused = await hub.refused({"client_id": "nosy", "workspace": ada.workspace, "token": login("bob")})
    told = await line(server, "client refused", client="nosy")
    assert (told["level"], told["user"], told["workspace"], told["address"], told["rule"]) == (
        "info", "bob", ada.workspace, "127.0.0.1", "no-grant")
    assert told["reason"] in refused.message
    forged = login("eve", secret="another-secret-0123456789abcdef")
    await hub.refused({"client_id": "forger", "token": forged})
    secrets.append(forged)
    assert (await line(server, "client refused", client="forger"))["rule"] == "token-invalid"
    await hub.refused({"client_id": "returner", "reconnection_token": forged})
    await line(server, "client refused", client="returner", rule="token-invalid")
    await hub.refused("no json")
    await line(server, "client refused", rule="first-message")
    async with client_for(server, forged) as http:
        assert (await http.get(f"/{ada.workspace}/services/?token={forged}")).status_code == 401
    await line(server, "request refused", path=f"/{ada.workspace}/services/", status=401, rule="token-invalid")
    answer = await Stream.open(server, forged, client_id="streamer")
    assert answer.status_code == 401
    await line(server, "client refused", client="streamer", via="stream", rule="token-invalid")
    assert not lines_of(server, "request refused", path="/rpc"), "said twice"

    # a stream, and who posts into it without being its client
    stream = await Stream.open(server, login("ada"), client_id="flow")
    await line(server, "client connected", client=stream.address, via="stream")
    assert (await stream.post({"type": "ping"})).status_code == 403
    await line(server, "request refused", path="/rpc", status=403, rule="another-speaker")
    await stream.close()
    await line(server, "client disconnected", client=stream.address, via="stream")

    # what people do: tokens, workspaces, services, kicks and blocks
    token = await ada.manage("generate_token", {"expires_in": 900, "permission": "read"})
    secrets.append(token)
    made = await until(lambda: lines_of(server, "token made", by="ada", permission="r", seconds=900))
    assert len(made) == 1 and made[0]["level"] == "info"
    child = await hub.raw("child", token=token, workspace=ada.workspace, is_registered=False)
    secrets.append(child.info["reconnection_token"])
    await ada.manage("revoke_token", token)
    assert (await child.closed())[1] == "Token has been revoked"
    await line(server, "token revoked", by="ada", token_user=made_for(child))
    await line(server, "client disconnected", client=child.address, reason="Token has been revoked")
    await hub.refused({"client_id": "late", "token": token, "workspace": ada.workspace})
    await line(server, "client refused", client="late", rule="token-revoked")
    await ada.manage("create_workspace", {"name": "ada-work", "persistent": False})
    await line(server, "workspace created", workspace="ada-work", by="ada")
    await ada.manage("delete_workspace", "ada-work")
    await line(server, "workspace deleted", workspace="ada-work", by="ada")
    assert lines_of(server, "service registered", by="ada")[0]["level"] == "debug"
    bob = await user(hub, "bob", "b-client")
    await admin_call(boss)("block_user", "bob", 60, "spam")
    assert (await bob.closed())[1] == "User blocked: spam"
    block = await line(server, "blocked", subject="bob")
    assert str(block["kicked"]) == "1" and block["reason"] == "spam"
    assert (await line(server, "client kicked", client=bob.address))["reason"] == "User blocked: spam"
    await line(server, "client disconnected", client=bob.address, reason="User blocked: spam")
    await hub.refused({"client_id": "again", "token": login("bob")})
    await line(server, "client refused", client="again", rule="blocked")
    await admin_call(boss)("unblock_user", "bob")
    await line(server, "unblocked", subject="bob")

    # passwords
    async with Accounts(server) as accounts:
        done = await accounts.make("Eve", password="geheim-Passwort-1")
        await accounts.refused("login", email="eve@example.org", password="falsches-Passwort-2")
    secrets += [done["token"], "geheim-Passwort-1", "falsches-Passwort-2"]

    # a drained server says so to those it closes
    server.stop()
    assert lines_of(server, "client disconnected", client=ada.address)
    text = server.log_text(10_000_000)
    assert events(text), "nothing was logged"
    for secret in secrets:
        for part in secret.split("."):
            assert len(part) > 7 and part not in text


def made_for(child):
    return child.info["user"]["id"]


@pytest.mark.req("S-101")
@pytest.mark.timeout(120)
async def test_who_does_not_read_has_a_line(hub, start_server):
    hub.server = server = start_server(*SMALL_QUEUES, "--slow-consumer-timeout=1")
    sender, reader = await stalled_pair(hub, server)
    flooding = asyncio.create_task(flood(sender, "stalled", 100 << 20))
    slow = await line(server, "slow consumer", client=reader.address)
    assert slow["level"] == "info" and slow["address"] == "127.0.0.1" and int(slow["waiting_bytes"]) > 0
    gone = await line(server, "client disconnected", client=reader.address)
    assert gone["reason"] == "it did not read what was sent to it"
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)


@pytest.mark.req("S-102")
async def test_a_flood_is_counted_and_not_written(hub, start_server):
    """Lines and what was left out add up, and the last count comes though nothing follows."""
    hub.server = server = start_server("--log-rate=2", env={"HYPHA_MAX_CONNECTIONS_PER_USER": "1"})
    held = await user(hub, "ada")
    began = time.monotonic()
    for i in range(30):
        await hub.refused({"client_id": f"x{i}", "token": login("ada")})
    seconds = time.monotonic() - began
    written = len(lines_of(server, "client refused"))
    assert written <= 2 * (seconds + 2)

    def told():
        mine = [e for e in events(server.log_text(10_000_000).rpartition("\n")[0])
                if e["msg"] == "client refused" or e.get("of") == "client refused"]
        return sum(int(e.get("repeats_dropped", 0)) + ("of" not in e) for e in mine) == 30
    await until(told)
    met = await until(lambda: lines_of(server, "limit met", metric="hyphad_user_limit_refused_total"))
    await until(lambda: sum(int(e["times"]) for e in lines_of(
        server, "limit met", metric="hyphad_user_limit_refused_total")) == 30)
    assert met[0]["level"] == "info" and held.is_open


@pytest.mark.req("S-103")
async def test_subjects_have_levels_of_their_own(hub, start_server, tmp_path):
    file = tmp_path / "hyphad.yaml"
    file.write_text("log-levels: [peer=error, manager=debug]\n")
    hub.server = server = start_server("--config", str(file))
    ada = await user(hub, "ada")
    assert (await until(lambda: lines_of(server, "service registered")))[0]["service"].startswith(ada.address)
    assert not lines_of(server, "client connected")
    file.write_text("log-levels: [manager=error]\n")
    os.kill(server.pid, signal.SIGHUP)
    await line(server, "reloaded")
    bob = await user(hub, "bob")
    await line(server, "client connected", client=bob.address)
    assert not [e for e in lines_of(server, "service registered") if e["by"] == "bob"]


@pytest.mark.req("S-104", "C-041")
@pytest.mark.allow_error("reload refused")
async def test_a_refused_reload_says_why(start_server, tmp_path):
    file = tmp_path / "hyphad.yaml"
    file.write_text("loglevel: info\n")
    server = start_server("--config", str(file), "--log-format=json")
    file.write_text("nope: 1\nmax-frame: [\n")
    os.kill(server.pid, signal.SIGHUP)
    said = await line(server, "reload refused")
    assert said["level"] == "error" and said["errors"] >= 1 and f"{file}:" in said["reason"]
    file.write_text("loglevel: loud\nport: many\n")
    os.kill(server.pid, signal.SIGHUP)
    second = (await until(lambda: lines_of(server, "reload refused")[1:]))[0]
    assert second["errors"] == 2 and "loud" in second["reason"] and "many" in second["reason"]
    server.stop()
    assert all(text.startswith("{") for text in server.log_text().splitlines())


@pytest.mark.req("S-105", "C-058")
@pytest.mark.parametrize("log_format", ("kv", "json"))
@pytest.mark.parametrize("to", ("stderr", "file"))
def test_an_error_is_said_once(tmp_path, log_format, to):
    """In the chosen format; and to whoever starts the server too when the log is a file."""
    file = tmp_path / "log"
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        done = subprocess.run(
            [os.environ["HYPHAD_BIN"], f"--port={port}", f"--data-dir={tmp_path / 'state'}", f"--log-format={log_format}",
             *([f"--log-file={file}"] if to == "file" else [])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    for text in (done.stderr, *([file.read_text()] if to == "file" else [])):
        said = [e for e in events(text) if e["level"] == "error"]
        assert len(said) == 1 and said[0]["msg"] == "cannot listen"
        assert str(said[0]["port"]) == str(port) and "in use" in said[0]["reason"]
        assert text.count("in use") == 1


@pytest.mark.req("S-103")
def test_levels_of_unknown_subjects_are_refused(tmp_path):
    for wrong in ("nobody=debug", "peer=loud", "peer"):
        done = subprocess.run([os.environ["HYPHAD_BIN"], "check", f"--log-levels={wrong}", f"--data-dir={tmp_path}"],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and "SUBJECT=LEVEL" in done.stderr, done.stderr
