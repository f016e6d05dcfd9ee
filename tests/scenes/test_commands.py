"""Commands for a server that runs on the same machine, and errors that name the process in the way."""
import json
import os
import socket
import subprocess

import pytest

from kit import tokens
from kit.waiting import until_here

from test_config import run

pytestmark = pytest.mark.differs("hyphad's own commands")


@pytest.fixture
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def said(err, words, fmt="kv"):
    """The one error line of a start, which has all the words."""
    lines = [line for line in err.splitlines() if '"level":"error"' in line or "level=error" in line or line.startswith("hyphad: ")]
    assert len(lines) == 1, err
    assert all(str(word) in lines[0] for word in words), lines[0]
    return json.loads(lines[0]) if fmt == "json" else lines[0]


def await_log(server, words):
    until_here(lambda: words in server.log_text(), 30, what=f"a line with {words}")     # the log has a thread of its own


@pytest.mark.req("C-080", "C-081")
def test_a_server_is_reloaded_and_stopped_by_what_it_has_locked(start_server, tmp_path):
    config, pid_file = tmp_path / "hyphad.yaml", tmp_path / "pid"
    config.write_text("loglevel: info\n")
    server = start_server("--config", config, "--pid-file", pid_file, data_dir=tmp_path)
    assert pid_file.read_text() == f"{server.pid}\n"
    folder = tmp_path / "state"
    for n, where in enumerate((["--data-dir", folder], ["--pid-file", pid_file], ["--port", server.port]), 1):
        config.write_text(f"log-rate: {n}\n")
        code, out, err = run("reload", *where)
        assert (code, err) == (0, "") and f"pid {server.pid} " in out
        await_log(server, f'msg="option changed" name=log-rate value={n} ')
    code, out, err = run("stop", "--pid-file", pid_file)
    assert (code, out, err) == (0, f"pid {server.pid} has ended\n", "")
    assert server.process.wait(30) == 0 and not pid_file.exists()


@pytest.mark.req("C-080")
def test_stop_and_reload_say_what_is_missing(start_server, tmp_path):
    unlocked = tmp_path / "unlocked"
    unlocked.mkdir()
    stale = tmp_path / "stale"
    stale.write_text(f"{os.getpid()}\n")
    for command in ("stop", "reload"):
        for where, words in ((["--data-dir", unlocked], ["no running server has locked it"]),
                             (["--data-dir", tmp_path / "none"], ["No such file"]),
                             (["--pid-file", stale], [str(stale), "no running server has locked it"]),
                             (["--port=0"], ["--data-dir", "--pid-file"])):
            code, out, err = run(command, *where)
            assert (code, out) == (1, "") and err.startswith(f"hyphad: {command}: ") and len(err.splitlines()) == 1, err
            assert all(word in err for word in words), err
        assert run(command, "--prot=1")[0] == 2
    with subprocess.Popen(["flock", str(unlocked), "sh", "-c", "echo locked; read line"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"locked\n"
        code, _, err = run("stop", "--data-dir", unlocked)
        assert code == 1 and f"pid {other.pid} (flock), which is not hyphad" in err
        assert other.poll() is None
        other.stdin.close()


@pytest.mark.req("C-081")
def test_a_pid_file_has_one_server_and_no_other_file_is_overwritten(start_server, tmp_path):
    pid_file, other = tmp_path / "pid", tmp_path / "other"
    pid_file.write_text("4711\n")       # left by a crash
    server = start_server("--pid-file", pid_file)
    assert pid_file.read_text() == f"{server.pid}\n"
    code, out, err = run("--port=0", "--data-dir", tmp_path / "b", "--pid-file", pid_file)
    assert (code, out) == (1, "")
    said(err, ["pid file", pid_file, f"in use by pid {server.pid} ("])
    other.write_text("what somebody wants to keep\n")
    code, _, err = run("--port=0", "--data-dir", tmp_path / "b", "--pid-file", other)
    assert code == 1 and other.read_text() == "what somebody wants to keep\n"
    said(err, [other, "another kind"])


@pytest.mark.req("C-036", "C-058", "C-082")
def test_a_start_names_the_process_in_its_way(start_server, tmp_path):
    server = start_server(data_dir=tmp_path)
    busy = ["--port", server.port, "--data-dir", tmp_path / "other"]
    locked = ["--port=0", "--data-dir", tmp_path / "state"]
    for args, words in ((busy, ["cannot listen", f"port={server.port}"]), (locked, ["data folder", tmp_path / "state"])):
        code, out, err = run(*args)
        assert (code, out) == (1, "")
        said(err, [*words, "in use by pid", f"{server.pid} (hyphad)"])
        said(run(*args, "--log-format=json")[2], [f"in use by pid {server.pid} (hyphad)"], "json")
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other:
            other.bind((host, 0))
            other.listen()
            code, _, err = run("--host", host, "--port", other.getsockname()[1], "--data-dir", tmp_path / "other")
            assert code == 1
            said(err, ["in use by pid", f"{os.getpid()} ("])


@pytest.mark.req("C-082")
def test_a_wrong_configuration_is_said_in_the_format_that_was_chosen(tmp_path):
    wrong = ["--port=x", "--data-dir", tmp_path]
    for args, env in ((["--log-format=json"], {}), ([], {"HYPHA_LOG_FORMAT": "json"})):
        code, out, err = run(*wrong, *args, env=env)
        assert (code, out) == (2, "")
        line = said(err, ["cannot start"], "json")
        assert line["subj"] == "config" and line["reason"].startswith('bad value for --port: "x"')
    assert 'subj=config msg="cannot start" reason="bad value' in said(run(*wrong, "--log-format=kv")[2], [])
    assert said(run(*wrong)[2], []).startswith("hyphad: bad value"), "nobody has chosen one"
    assert said(run("check", *wrong, "--log-format=json")[2], []).startswith("hyphad: bad value"), "check has no log"


@pytest.mark.req("C-021")
def test_strict_refuses_what_has_no_effect_and_a_start_does_not(start_server):
    code, out, err = run("check", "--strict", "--in-docker", "--s3-admin-type=minio")
    assert (code, out) == (78, "") and err.count("(refused by --strict)") == 2 and "in-docker" in err and "s3 is not built in" in err
    log = start_server("--in-docker", "--s3-admin-type=minio").log_text()
    assert log.count("no effect") == 1 and 'name="s3-admin-type, in-docker"' in log


@pytest.mark.req("C-016", "A-054")
async def test_generate_token_finds_the_folder_of_the_server_on_the_port(start_server, hub, tmp_path):
    hub.server = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path)
    code, out, err = run("generate-token", "--port", hub.server.port, "--user-id", "ada", "--role", "user", "--role", "admin")
    assert code == 0 and len(out.split()) == 1 and out.endswith("\n"), "the token alone"
    assert (await hub.raw(token=out.strip())).workspace == "ws-user-ada"
    said(err, ["user ada", "role user, admin", "read_write in workspace ws-user-ada", "3600 s", tmp_path / "state"])
    assert tokens.claims(out.strip())["sub"] == "ada"
    said(run("generate-token", "--port", hub.server.port)[2], ["role anonymous", "--role"])


@pytest.mark.req("C-016")
def test_generate_token_finds_no_folder_where_no_server_runs(free_port, tmp_path):
    code, out, err = run("generate-token", "--port", free_port, cwd=tmp_path)
    assert (code, out) == (78, "")
    said(err, ["no signing secret", f"hyphad/{free_port}/jwt-secret", "--data-dir", "--jwt-secret-file"])
