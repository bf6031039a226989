"""What `keepwatch up` keeps, and for whom."""

import click
import pytest

from cli.up.environment import service_environment
from cli.up.folder import DataFolder
from cli.up.keys import Keys
from cli.up.logs import rotate
from cli.up.options import Options
from shared.environment import SettingError


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    with folder.locked():
        yield folder


def test_a_second_supervisor_on_a_folder_is_told_who_has_it(folder):
    with pytest.raises(click.ClickException, match=r"already runs on .*data \(process \d+\)"), folder.locked():
        pass


def test_secrets_are_made_once_and_readable_by_their_owner_only(folder):
    first, second = Keys(folder.secrets, {}), Keys(folder.secrets, {})

    assert first.password_is_new
    assert not second.password_is_new
    assert (first.admin_token, first.admin_password) == (second.admin_token, second.admin_password)
    assert {file.stat().st_mode & 0o777 for file in folder.secrets.iterdir()} == {0o600}


def test_secrets_of_the_environment_are_honoured_and_kept(folder, tmp_path):
    (tmp_path / "token").write_text("kw_chosen\n")
    keys = Keys(
        folder.secrets, {"KEEPWATCH_ADMIN_PASSWORD": "opensesame", "KEEPWATCH_ADMIN_TOKEN_FILE": f"{tmp_path}/token"}
    )

    assert (keys.admin_password, keys.admin_token) == ("opensesame", "kw_chosen")
    assert not keys.password_is_new
    assert Keys(folder.secrets, {}).admin_token == "kw_chosen"


def test_a_secret_key_that_is_too_short_is_one_sentence_without_the_key(folder):
    with pytest.raises(SettingError, match="KEEPWATCH_SECRET_KEY") as caught:
        Keys(folder.secrets, {"KEEPWATCH_SECRET_KEY": "tooshort"})
    assert "tooshort" not in str(caught.value)


def test_no_service_gets_a_secret_in_its_environment(folder, monkeypatch):
    monkeypatch.setenv("KEEPWATCH_ADMIN_TOKEN", "kw_from_outside")
    monkeypatch.setenv("KEEPWATCH_TOKEN", "kw_of_the_client")
    monkeypatch.setenv("KEEPWATCH_RETRY_SCHEDULE", "0,1")
    keys = Keys(folder.secrets, {})
    options = Options(8480, "127.0.0.1", folder.path, None, None, demo=False)

    for service in ("jobs", "alerts", "notifier", "api"):
        told = service_environment(service, options, keys)
        assert not {"kw_from_outside", "kw_of_the_client", keys.admin_token, keys.admin_password} & set(told.values())
        assert told["KEEPWATCH_RETRY_SCHEDULE"] == "0,1"
        assert ("KEEPWATCH_ADMIN_TOKEN_FILE" in told) == (service == "api")


def test_a_large_log_begins_anew_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "jobs.log"
    with log.open("a") as writer:
        writer.write("x" * 100)
        writer.flush()
        rotate(tmp_path, max_bytes=50)
        writer.write("after")

    assert log.read_text() == "after"
    assert (tmp_path / "jobs.log.1").read_text() == "x" * 100
