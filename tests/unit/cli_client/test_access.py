"""Which server is asked, with which token."""

import json
import socket

import pytest

from tests.unit.cli_client.conftest import TOKEN


@pytest.fixture
def write_profile(home):
    def write(content: str, mode: int = 0o600):
        path = home / "config" / "keepwatch" / "profile.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)
        return path

    return write


def test_the_profile_is_enough(gateway, bare, write_profile):
    gateway.lists["/alerts"] = []
    write_profile(json.dumps({"server": gateway.url, "token": TOKEN}))

    result = bare("alerts", "list")

    assert result.exit_code == 0
    assert "all is well" in result.stderr


def test_a_profile_that_others_may_read_is_warned_about(gateway, bare, write_profile):
    gateway.lists["/alerts"] = []
    path = write_profile(json.dumps({"server": gateway.url, "token": TOKEN}), mode=0o644)

    assert f"chmod 600 {path}" in bare("alerts", "list").stderr


def test_the_profiles_token_never_goes_to_another_server(gateway, bare, write_profile):
    write_profile(json.dumps({"server": "http://127.0.0.1:1", "token": TOKEN}))

    result = bare("alerts", "list", "--server", gateway.url)

    assert result.exit_code == 1
    assert "There is no token for" in result.stderr
    assert gateway.asked == []


@pytest.mark.parametrize("content", ["", "[]", '{"server": "http://x"}', "{"])
def test_a_malformed_profile_is_named(bare, write_profile, content):
    path = write_profile(content)

    result = bare("alerts", "list")

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert str(path) in result.stderr


def test_options_go_before_the_environment(gateway, bare, home):
    gateway.lists["/alerts"] = []
    (home / "token").write_text(f"{TOKEN}\n")
    elsewhere = {"KEEPWATCH_SERVER": "http://127.0.0.1:1", "KEEPWATCH_TOKEN": "kw_other"}

    result = bare("alerts", "list", "--server", f"{gateway.url}/", "--token-file", str(home / "token"), env=elsewhere)

    assert result.exit_code == 0


def test_a_token_file_of_the_environment(gateway, bare, home):
    gateway.lists["/alerts"] = []
    (home / "token").write_text(f"{TOKEN}\n")

    environment = {"KEEPWATCH_SERVER": gateway.url, "KEEPWATCH_TOKEN_FILE": str(home / "token")}

    assert bare("alerts", "list", env=environment).exit_code == 0


def test_without_any_server_the_sentence_says_how(bare):
    result = bare("alerts", "list")

    assert result.exit_code == 1
    assert "No server is known" in result.stderr


@pytest.mark.parametrize("server", ["web-01", "ftp://web-01", "http://", "http://h:99999"])
def test_an_address_that_is_none(bare, server):
    result = bare("alerts", "list", "--server", server)

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "must look like https://" in result.stderr


def test_a_token_that_would_break_the_header_is_not_shown(bare):
    result = bare("alerts", "list", "--server", "http://127.0.0.1:1", env={"KEEPWATCH_TOKEN": "a\nsecret"})

    assert result.exit_code == 1
    assert "malformed" in result.stderr
    assert "secret" not in result.stderr


def test_nobody_listens(bare):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = bare("alerts", "list", env={"KEEPWATCH_SERVER": address, "KEEPWATCH_TOKEN": TOKEN})

    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"Cannot connect to {address}" in result.stderr
