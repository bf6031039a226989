"""Statements about hosts and the tokens of their agents."""

import json
from collections.abc import Sequence
from uuid import UUID

import asyncpg

from shared.asks.agents import AgentIdentity
from shared.asks.hosts import Host, ListHosts
from shared.asks.repositories import RepositoryRef
from shared.db import Connection, Pool
from shared.vocabulary import HostStatus


def _host(row: asyncpg.Record) -> Host:
    repository = row["repository_id"] and RepositoryRef(
        id=row["repository_id"], name=row["repository_name"], url=row["repository_url"]
    )
    return Host(
        id=row["id"],
        name=row["name"],
        labels=json.loads(row["labels"]),
        status=HostStatus(row["status"]),
        last_seen_at=row["last_seen_at"],
        agent_version=row["agent_version"],
        restic_version=row["restic_version"],
        os=row["os"],
        repository=repository,
        offline_after_seconds=row["offline_after_seconds"],
        created_at=row["created_at"],
    )


async def insert(  # noqa: PLR0913, PLR0917  a column each
    tx: Connection,
    name: str,
    labels: dict[str, str],
    repository_id: UUID | None,
    offline_after_seconds: int | None,
    token_hash: bytes,
) -> UUID:
    """Make a host; violates `one_host_per_name` when the name is taken."""
    identity: UUID = await tx.fetchval(
        """
        INSERT INTO jobs.host (name, labels, repository_id, offline_after_seconds, token_hash)
        VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        name,
        json.dumps(labels),
        repository_id,
        offline_after_seconds,
        token_hash,
    )
    return identity


async def find(db: Connection | Pool, identity: UUID) -> Host | None:
    """The host as people see it."""
    row = await db.fetchrow(
        """
        SELECT id, name, labels, status, last_seen_at, agent_version, restic_version, os, repository_id,
               repository_name, repository_url, offline_after_seconds, created_at
        FROM jobs.host_shown WHERE id = $1
        """,
        identity,
    )
    return _host(row) if row else None


async def by_name(pool: Pool, asked: ListHosts, after: str | None) -> Sequence[Host]:
    """Hosts by name, from behind this one on; one more than asked, to see whether more follow."""
    labels = [label.partition("=") for label in asked.labels]
    rows = await pool.fetch(
        """
        SELECT id, name, labels, status, last_seen_at, agent_version, restic_version, os, repository_id,
               repository_name, repository_url, offline_after_seconds, created_at
        FROM jobs.host_shown
        WHERE ($1::text IS NULL OR lower(name) > lower($1))
          AND (cardinality($2::text[]) = 0 OR lower(name) IN (SELECT lower(wanted) FROM unnest($2::text[]) AS wanted))
          AND (cardinality($3::text[]) = 0 OR status = ANY($3))
          AND (cardinality($4::text[]) = 0
               OR EXISTS (SELECT FROM unnest($4::text[], $5::text[]) AS wanted (key, value)
                          WHERE labels ->> wanted.key = wanted.value))
          AND ($6::text IS NULL OR position(lower($6) IN lower(name)) > 0)
        ORDER BY lower(name) LIMIT $7
        """,
        after,
        asked.names,
        asked.statuses,
        [key for key, _, _ in labels],
        [value for _, _, value in labels],
        asked.q,
        asked.limit + 1,
    )
    return [_host(row) for row in rows]


async def id_of_name(db: Connection | Pool, name: str) -> UUID | None:
    """The host of this name."""
    found: UUID | None = await db.fetchval("SELECT id FROM jobs.host WHERE lower(name) = lower($1)", name)
    return found


async def exists(db: Connection | Pool, identity: UUID) -> bool:
    """Whether there is such a host."""
    return bool(await db.fetchval("SELECT true FROM jobs.host WHERE id = $1", identity))


async def update(tx: Connection, host: Host, repository_id: UUID | None) -> None:
    """Write what may be changed of a host."""
    await tx.execute(
        "UPDATE jobs.host SET name = $2, labels = $3, repository_id = $4, offline_after_seconds = $5 WHERE id = $1",
        host.id,
        host.name,
        json.dumps(host.labels),
        repository_id,
        host.offline_after_seconds,
    )


async def set_token(tx: Connection, identity: UUID, token_hash: bytes) -> bool:
    """Replace the agent's token: the old one is worth nothing from the commit on."""
    return bool(
        await tx.fetchval(
            "UPDATE jobs.host SET token_hash = $2, connection_id = NULL WHERE id = $1 RETURNING true",
            identity,
            token_hash,
        )
    )


async def of_token(pool: Pool, token_hash: bytes) -> AgentIdentity | None:
    """Whose agent has this token."""
    row = await pool.fetchrow("SELECT id, name FROM jobs.host WHERE token_hash = $1", token_hash)
    return AgentIdentity(host_id=row["id"], host_name=row["name"]) if row else None


async def delete(tx: Connection, identity: UUID) -> None:
    """Forget the host with its groups, schedules, jobs and logs."""
    await tx.execute("DELETE FROM jobs.host WHERE id = $1", identity)
