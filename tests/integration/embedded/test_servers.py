"""The servers under `keepwatch up` and under every test."""

import asyncio
import os
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import nats
import psycopg
import pytest
from nats.js.api import StreamConfig

from cli.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from cli.embedded.account import server_user


def postgres(folder):
    return EmbeddedPostgres(folder / "postgres", durable=False, shared_buffers="16MB")


def broker(folder):
    return EmbeddedNats(folder / "nats", durable=False)


def test_postgres_keeps_data_and_port_over_a_restart(tmp_path):
    with postgres(tmp_path) as first, closing(psycopg.connect(first.dsn, autocommit=True)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    with postgres(tmp_path) as second, closing(psycopg.connect(second.dsn)) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert second.dsn == first.dsn


def test_postgres_is_version_18_with_checksums_and_durable_unless_told_otherwise(tmp_path):
    with EmbeddedPostgres(tmp_path / "postgres") as server, closing(psycopg.connect(server.dsn)) as connection:
        shown = [
            connection.execute(f"SHOW {setting}").fetchone()[0]
            for setting in ("server_version_num", "data_checksums", "server_encoding", "fsync")
        ]

    assert shown[0].startswith("18")
    assert shown[1:] == ["on", "UTF8", "on"]


def test_postgres_refuses_a_wrong_password(infra):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(infra.postgres_dsn, password="wrong")


def test_a_start_ends_the_server_that_a_killed_run_left(tmp_path):
    left = postgres(tmp_path)
    left.start()
    orphan = left._process

    with postgres(tmp_path) as server, closing(psycopg.connect(server.dsn)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert orphan.poll() is not None


def test_a_pid_file_that_names_somebody_else_stops_nobody(tmp_path):
    with postgres(tmp_path):
        pass
    pid_file = tmp_path / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n/proc/self/cwd\n")

    with postgres(tmp_path) as server, closing(psycopg.connect(server.dsn)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cluster_of_another_version_is_told_in_one_sentence(tmp_path):
    with postgres(tmp_path):
        pass
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 17"):
        postgres(tmp_path).start()


def test_a_taken_port_is_replaced_by_a_free_one(tmp_path):
    with broker(tmp_path) as first:
        port = first.port
    with socket.create_server(("127.0.0.1", port)), broker(tmp_path) as second:
        assert second.port != port
        asyncio.run(streams(second.url))


def test_nats_keeps_its_streams_over_a_restart(tmp_path):
    with broker(tmp_path) as first:
        asyncio.run(add_stream(first.url))
    with broker(tmp_path) as second:
        assert asyncio.run(streams(second.url)) == ["KEPT"]


def test_nats_refuses_a_wrong_password(infra):
    port = urlsplit(infra.nats_url).port
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        connection.sendall(b'CONNECT {"user": "keepwatch", "pass": "wrong"}\r\nPING\r\n')
        said = answers.read()

    assert b"Authorization Violation" in said
    assert b"PONG" not in said


def test_no_password_stands_in_a_command_line(tmp_path):
    with postgres(tmp_path) as database, broker(tmp_path) as nats_server:
        lines = [arguments(server._process.pid) for server in (database, nats_server)]
        secrets = [(server.folder / "password").read_text().strip() for server in (database, nats_server)]

    assert not any(secret in line for secret in secrets for line in lines)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("*/password")}
    assert modes == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has something to drop")
def test_as_root_the_servers_run_without_privileges_in_a_folder_closed_to_others(tmp_path):
    tmp_path.chmod(0o700)
    with postgres(tmp_path) as database, broker(tmp_path) as nats_server:
        owners = {Path(f"/proc/{server._process.pid}").stat().st_uid for server in (database, nats_server)}

    assert owners == {server_user()[0]}
    assert 0 not in owners


def arguments(pid):
    return Path(f"/proc/{pid}/cmdline").read_text()


async def streams(url):
    client = await nats.connect(url, allow_reconnect=False)
    try:
        return [info.config.name for info in await client.jetstream().streams_info()]
    finally:
        await client.close()


async def add_stream(url):
    client = await nats.connect(url)
    await client.jetstream().add_stream(StreamConfig(name="KEPT", subjects=["kept"]))
    await client.close()
