"""Small facts that are made once and kept."""

import socket
from contextlib import closing

import pytest

from cli.embedded.errors import EmbeddedServerError
from cli.embedded.kept import LOOPBACK, OUTGOING_PORTS, free_port, is_free, keep, kept, kept_port


def test_what_was_made_once_stays(tmp_path):
    first = kept(tmp_path / "password", lambda: "first")

    assert kept(tmp_path / "password", lambda: "second") == first == "first"
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_an_interrupted_write_leaves_the_old_value(tmp_path):
    keep(tmp_path / "port", "1234")
    with pytest.raises(TypeError):
        keep(tmp_path / "port", None)

    assert (tmp_path / "port").read_text() == "1234\n"
    keep(tmp_path / "port", "5678")
    assert (tmp_path / "port").read_text() == "5678\n"


def test_a_free_port_is_none_that_an_outgoing_connection_may_get():
    first, last = map(int, OUTGOING_PORTS.read_text().split())

    assert not any(first <= free_port() <= last for _ in range(20))


def test_a_port_is_kept_unless_somebody_else_has_it(tmp_path):
    port = kept_port(tmp_path / "port")

    assert kept_port(tmp_path / "port") == port
    with closing(socket.create_server((LOOPBACK, port))):
        assert kept_port(tmp_path / "port") != port


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_what_cannot_be_read_is_one_sentence_and_is_not_replaced(tmp_path, content):
    path = tmp_path / "secret"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)

    with pytest.raises(EmbeddedServerError, match=f"^Can't read {path}: .*[.]$"):
        kept(path, lambda: "another")

    assert path.is_dir() or path.read_bytes() == content


@pytest.mark.parametrize("text", ["", "abc", "0", "70000", "-1", "²"])
def test_a_port_that_is_none_is_chosen_anew(tmp_path, text):
    (tmp_path / "port").write_text(text)

    port = kept_port(tmp_path / "port")

    assert (tmp_path / "port").read_text() == f"{port}\n"
    assert is_free(port)
