"""The servers under `keepwatch up` and under every test."""

import asyncio

import nats
import psycopg


def test_both_servers_serve_who_knows_the_password(infra):
    with psycopg.connect(infra.postgres_dsn) as connection:
        assert connection.info.server_version >= 180000
    asyncio.run(jetstream_answers(infra.nats_url))


async def jetstream_answers(url):
    client = await nats.connect(url)
    await client.jetstream().account_info()
    await client.close()
