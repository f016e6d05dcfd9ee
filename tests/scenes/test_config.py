"""Options seen from outside: what the program prints and exits with, and what a started server does."""
import os
import re
import socket
import subprocess
import urllib.request

import pytest

from kit.waiting import until_here

pytestmark = pytest.mark.differs("hyphad's own options and exit codes")

ROOT_TOKEN = "qZ7Kx9Lm2Vw4Nc6Bd8Fg1Hj3Pr5Ts0Yu"
JWT_SECRET = "Wm3Rt8Yp1Xc6Vb0Nz5Lk9Jh4Gf7Ds2Aq"


def run(*args, env=None, cwd=None):
    """The program to its end: (exit code, stdout, stderr)."""
    done = subprocess.run([os.environ["HYPHAD_BIN"], *map(str, args)], cwd=cwd, timeout=30,
                          env={"HOME": str(cwd or "/nonexistent"), **(env or {})},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def get(url):
    with urllib.request.urlopen(url, timeout=10) as r:
        return r.status, r.read().decode()


def option_lines(server):
    return re.findall(r'msg="?option"? name=(\S+) value=(\S+) from=(\S+)', server.log_text())


@pytest.mark.req("C-002", "C-059")
def test_help_version_and_listings_exit_0():
    for args in (["--help"], ["-h"], ["--version"], ["help", "port"], ["config"], ["check"],
                 ["config", "defaults"], ["config", "env"], ["config", "doc"]):
        code, out, err = run(*args)
        assert code == 0 and out and not re.search("bad|unknown", err), (args, err)
    told = run("--version")[1].splitlines()
    assert [line.split()[0] for line in told] == ["hyphad", "protocol", "compiler", "libraries:"], "each once"
    assert run("--version") == run("version") == run("-v")
    assert re.search(r"^  -p, --port INT .*\(default 9527\)$", run("--help")[1], re.M)
    assert "not built in]" in run("help", "--all")[1] and "not built in]" not in run("--help")[1]
    assert not [line for word in ("--help", "--all") for line in run("help", word)[1].splitlines() if len(line) > 79]


@pytest.mark.req("C-059")
@pytest.mark.parametrize("command", [[], ["run"], ["server"], ["check"], ["config"], ["config", "doc"], ["generate-token"], ["backup"],
                                     ["reload"], ["stop"],
                                     ["version"], ["mirror"], ["help"], ["explain"]], ids=" ".join)
def test_every_command_says_how_it_is_used(command):
    one, other = (run(*command, word) for word in ("--help", "-h"))
    assert one == other and one[0] == 0 and one[2] == "", one
    name = "[COMMAND]" if not command or command[0] in ("run", "server", "mirror", "help") else command[0]
    assert one[1].startswith(f"Usage: hyphad {name}")
    if command and command[0] not in ("server", "mirror"):
        assert run("help", command[0])[1].startswith(f"Usage: hyphad {command[0]}"), "help COMMAND"


@pytest.mark.req("C-006", "C-007", "C-008", "C-013", "C-014", "C-059")
@pytest.mark.parametrize("args, env, words", [
    (["--nope"], {}, ["--nope"]),
    (["--prot=1"], {}, ["--prot", "did you mean --port"]),
    (["--port", "abc"], {}, ["--port", '"abc"', "0..65535"]),
    (["--port", "-1"], {}, ["--port", '"-1"', "0..65535"]),
    (["--port", "1_000"], {}, ["--port", '"1_000"']),
    ([], {"HYPHA_PORT": "abc"}, ["HYPHA_PORT"]),
    ([], {"HYPHA_WS_IDLE_TIMEOUT": "abc"}, ["HYPHA_WS_IDLE_TIMEOUT"]),
    (["--redis", "x"], {}, ["--redis-uri"]),
    (["--redis-uri", "http://x"], {}, ["--redis-uri", "redis://"]),
    (["--oidc-issuer", "http://x"], {}, ["--oidc-issuer", "https://"]),
    (["--auth-token-headers", "X-A,X B"], {}, ["--auth-token-headers", "X B"]),
    (["serve"], {}, ['"serve"', "server"]),
])
def test_usage_errors_exit_2(args, env, words, tmp_path):
    code, out, err = run(*args, env=env, cwd=tmp_path)
    assert code == 2 and out == ""
    assert all(word in err for word in words), err
    assert len(err.splitlines()) == 1 and err.startswith("hyphad: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-022", "C-023", "C-027", "C-059")
@pytest.mark.parametrize("args, words", [
    (["--enable-s3"], ["--enable-s3: not built in"]),
    (["--interactive"], ["--interactive", "admin-utils"]),
    (["--root-token", "short-one"], ["Root token must be at least 32 characters long for security."]),
    (["--max-message", "512M"], ["--max-message", "--sendq-bytes"]),
    (["--config", "/nonexistent"], ["/nonexistent"]),
    (["--ca-file", "/nonexistent"], ["--ca-file", "/nonexistent"]),
])
def test_configuration_errors_exit_78(args, words):
    code, out, err = run(*args)
    assert code == 78 and out == ""
    assert all(word in err for word in words), err
    assert "short-one" not in err


@pytest.mark.req("C-034")
def test_check_needs_no_port_and_creates_nothing(tmp_path):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        code, out, err = run("check", "--port", busy.getsockname()[1], cwd=tmp_path)
    assert (code, out, err) == (0, "ok\n", "")
    code, out, err = run("check", "--port=x", "--nope", "--max-body=x", cwd=tmp_path)
    assert code == 2 and len(err.splitlines()) == 3 and out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("C-034", "C-020")
@pytest.mark.parametrize("wrong, exit_code, told", [(["--enable-s3"], 78, "--enable-s3: not built in"), (["--port", "x"], 2, "bad value for --port"),
                                                    (["--nope"], 2, "unknown option --nope"), (["--config", "/nonexistent"], 78, "/nonexistent"),
                                                    (["--pressure-low=1G"], 78, "--pressure-low")])
def test_check_tells_notices_beside_errors(wrong, exit_code, told):
    code, out, err = run("check", *wrong, "--in-docker", "--minio-port=1", env={"HYPHA_NO_SUCH": "x", "JWT_SECRET": "short"})
    assert (code, out) == (exit_code, "")
    lines = err.splitlines()
    assert told in lines[0], err
    for notice in ("notice: in-docker", "notice: minio-port", "warning: HYPHA_NO_SUCH", "warning: jwt-secret"):
        assert sum(notice in line for line in lines) == 1, (notice, err)
    assert run(*wrong, "--in-docker")[2].count("notice") == 0, "a start that fails tells its errors"


@pytest.mark.req("C-003", "C-004", "C-076")
def test_the_port_comes_from_the_strongest_source(start_server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for args, env, expected in ((["config"], {"HYPHA_PORT": "2"}, "port: 2  # env:HYPHA_PORT"),
                                (["config", "--from-env"], {"HYPHA_PORT": "2"}, "port: 2  #"),
                                (["config", "--no-env"], {"HYPHA_PORT": "2"}, "port: 9527  # default"),
                                (["config", "--port=9527"], {"HYPHA_PORT": "2"}, "port: 9527  # cli")):
        assert expected in run(*args, env=env)[1]
    server = start_server("--loglevel=info", port=port, env={"HYPHA_PORT": "1", "HYPHA_BACKLOG": "99"})
    assert server.port == port
    last = ("backlog", "99", "env:HYPHA_BACKLOG")
    until_here(lambda: last in option_lines(server), what=f"the line of {last}")        # the log has a thread of its own
    lines = option_lines(server)
    assert ("port", str(port), "cli") in lines
    assert "loglevel" not in [name for name, _, _ in lines]


@pytest.mark.req("C-020", "C-021", "C-009")
@pytest.mark.allow_warn("HYPHA_REDIS_URL")
def test_notices_and_warnings_at_start(start_server):
    server = start_server("--in-docker", "--minio-port=1", env={
        "HYPHA_REDIS_URL": "x", "HYPHA_TOKEN": "t", "PLAYWRIGHT_X": "1", "HYPHA_SERVICE_HOST": "h",
        "HYPHA_PORT_9520_TCP": "x", "HYPHA_BACKLOG": "tcp://10.0.0.1:9520"})
    log = server.log_text()
    assert len(re.findall("level=warn", log)) == 1 and "HYPHA_REDIS_URI" in log
    notices = re.findall(r"msg=\"?notice\"? name=(\S+)", log)
    assert sorted(notices) == ['"PLAYWRIGHT_X,', "HYPHA_BACKLOG"], "one line for all that has no effect"
    assert log.count('name="PLAYWRIGHT_X, minio-port, in-docker" text="no effect') == 1


@pytest.mark.allow_warn("public-base-url")
@pytest.mark.req("C-074")
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "0::0"])
def test_a_wildcard_host_without_a_public_url_is_warned_of(start_server, host):
    def warnings(*args):
        log = start_server("--host", host, *args).log_text()
        return [line for line in log.splitlines() if "level=warn" in line and "name=public-base-url" in line]
    assert len(warnings()) == 1
    assert warnings("--public-base-url", "https://hub.example.org") == []
    told = run("check", "--host", host)
    assert told[0] == 0 and "warning" in told[2] and "public-base-url" in told[2]


def test_an_address_of_its_own_is_not_warned_of(start_server):
    assert "public-base-url" not in start_server("--host", "127.0.0.1").log_text()


@pytest.mark.allow_warn("public-base-url")
@pytest.mark.req("C-026", "C-074")
def test_a_base_path_in_any_spelling(start_server):
    server = start_server("--base-path", "my/engine/", "--host", "0.0.0.0")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/my/engine", server.url)
    assert get(server.url + "/health/readiness")[0] == 200
    assert "0.0.0.0" in server.log_text()


@pytest.mark.req("C-032", "C-016")
def test_secrets_show_nowhere(start_server, tmp_path):
    file = tmp_path / "token"
    file.write_text(ROOT_TOKEN + "\n")
    shown = "".join(run(*command, "--root-token-file", file, "--jwt-secret", JWT_SECRET)[i]
                    for command in (["config"], ["check"], ["config", "env"]) for i in (1, 2))
    server = start_server(f"--jwt-secret={JWT_SECRET}", "--root-token", ROOT_TOKEN,
                          "--loglevel=debug")
    with open(f"/proc/{server.pid}/cmdline", "rb") as f:
        shown += f.read().decode()
    shown += get(server.url + "/metrics")[1]
    server.stop()
    shown += server.log_text()
    for secret in (ROOT_TOKEN, JWT_SECRET):
        for i in range(len(secret) - 7):
            assert secret[i:i + 8] not in shown


@pytest.mark.req("C-016")
async def test_made_secrets_outlive_a_restart(start_server, hub, tmp_path):
    server = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path)
    raw = await hub.raw(server=server)
    token = await raw.manage("generate_token")
    workspace = raw.workspace
    await hub.close()
    server.stop()
    again = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path)
    back = await hub.raw(server=again, token=token, workspace=workspace)
    assert back.workspace == workspace


@pytest.mark.req("C-016", "A-054")
async def test_generate_token_finds_the_secret_the_server_keeps(start_server, hub, tmp_path):
    folder = tmp_path / "state"
    code, out, err = run("generate-token", "--data-dir", folder)
    assert (code, out) == (78, "") and f"{folder}/jwt-secret" in err and "--data-dir" in err and "--jwt-secret-file" in err
    assert list(tmp_path.iterdir()) == [], "it makes nothing"
    code, out, err = run("generate-token", "--port=0")
    assert (code, out) == (78, "") and "no data folder" in err
    hub.server = start_server(env={"JWT_SECRET": None}, data_dir=tmp_path)
    code, out, err = run("generate-token", "--user-id", "ada", "--data-dir", folder)
    assert code == 0 and err.endswith(f"signed with the secret of {folder}\n")
    assert (await hub.raw(token=out.strip())).workspace == "ws-user-ada"
    code, out, err = run("generate-token", "--user-id", "ada", "--data-dir", folder, env={"JWT_SECRET": JWT_SECRET})
    assert "signed with the secret of the configuration\n" in err, "as the server: what is configured wins"
    await hub.refused({"client_id": "x", "token": out.strip()})


def test_help_tells_what_is_kept_without_a_port():
    assert "with --port 0 a temporary one: nothing in it is kept" in run("help", "data-dir")[1]
    out = run("config", "--port=0")[1]
    assert re.search("^# data-dir: ", out, re.M), "a folder nobody has named"
    assert "200 are closed a second" in run("help", "drain-duration")[1]


@pytest.mark.req("C-036")
def test_one_data_folder_has_one_server(start_server, tmp_path):
    start_server(data_dir=tmp_path)
    code, out, err = run("--port=0", "--data-dir", tmp_path / "state")
    assert code == 1 and str(tmp_path / "state") in err and out == ""
    one = run("config", "--port=1", cwd=tmp_path)[1]
    two = run("config", "--port=2", cwd=tmp_path)[1]
    assert re.search("^data-dir: .*", one, re.M).group() != re.search("^data-dir: .*", two, re.M).group()


@pytest.mark.req("C-038", "C-005")
def test_a_dotenv_counts_only_when_named(tmp_path):
    (tmp_path / ".env").write_text("HYPHA_PORT=7\n")
    assert "port: 9527  # default" in run("config", cwd=tmp_path)[1]
    assert "port: 7  # env-file:" in run("config", "--env-file", ".env", cwd=tmp_path)[1]
    out = run("config", "--env-file", ".env", cwd=tmp_path, env={"HYPHA_PORT": "8"})[1]
    assert "port: 8  # env:HYPHA_PORT" in out


@pytest.mark.req("C-018", "C-019")
def test_limits_can_be_lifted(start_server):
    server = start_server("--http-rate-limit", "none", "--ws-idle-timeout=none",
                          env={"HYPHA_HTTP_BURST_LIMIT": "1"})
    for _ in range(50):
        assert get(server.url + "/")[0] == 200
