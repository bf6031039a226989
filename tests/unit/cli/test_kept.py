"""Small facts that are made once and kept."""

import socket
from contextlib import closing

import pytest

from cli.embedded.kept import LOOPBACK, OUTGOING_PORTS, free_port, keep, kept, kept_port


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
