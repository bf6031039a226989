"""Statements about repositories."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.asks.repositories import ListRepositories, Repository
from shared.db import Connection, Pool
from shared.vocabulary import RepositorySource


def _repository(row: asyncpg.Record) -> Repository:
    return Repository(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        source=RepositorySource(row["source"]),
        create=row["may_create"],
        restic_id=row["restic_id"],
        created_at=row["created_at"],
    )


async def insert(  # noqa: PLR0913, PLR0917  a column each
    tx: Connection, identity: UUID, name: str, url: str, source: RepositorySource, secrets: bytes, *, may_create: bool
) -> Repository:
    """Make a repository; violates `one_repository_per_name` when the name is taken."""
    row = await tx.fetchrow(
        """
        INSERT INTO jobs.repository (id, name, url, source, secrets, may_create) VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING id, name, url, source, may_create, restic_id, created_at
        """,
        identity,
        name,
        url,
        source,
        secrets,
        may_create,
    )
    return _repository(_present(row))


def _present(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise LookupError("a statement that always returns a row returned none")
    return row


async def find(db: Connection | Pool, identity: UUID) -> Repository | None:
    """The repository, as it may be shown."""
    row = await db.fetchrow(
        "SELECT id, name, url, source, may_create, restic_id, created_at FROM jobs.repository WHERE id = $1", identity
    )
    return _repository(row) if row else None


async def id_of_name(db: Connection | Pool, name: str) -> UUID | None:
    """The repository of this name."""
    found: UUID | None = await db.fetchval("SELECT id FROM jobs.repository WHERE lower(name) = lower($1)", name)
    return found


async def newest(
    pool: Pool, asked: ListRepositories, before: tuple[datetime | None, UUID | None]
) -> Sequence[Repository]:
    """Repositories, newest first, from behind this key on; one more than asked, to see whether more follow."""
    rows = await pool.fetch(
        """
        SELECT id, name, url, source, may_create, restic_id, created_at FROM jobs.repository
        WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
          AND (cardinality($3::text[]) = 0 OR lower(name) IN (SELECT lower(wanted) FROM unnest($3::text[]) AS wanted))
          AND ($4::text IS NULL OR position(lower($4) IN lower(name)) > 0 OR position(lower($4) IN lower(url)) > 0)
        ORDER BY created_at DESC, id DESC LIMIT $5
        """,
        *before,
        asked.names,
        asked.q,
        asked.limit + 1,
    )
    return [_repository(row) for row in rows]


async def lock_with_secrets(tx: Connection, identity: UUID) -> tuple[Repository, bytes] | None:
    """The repository and its sealed secrets, to be changed."""
    row = await tx.fetchrow(
        """
        SELECT id, name, url, source, may_create, restic_id, created_at, secrets
        FROM jobs.repository WHERE id = $1 FOR UPDATE
        """,
        identity,
    )
    return (_repository(row), row["secrets"]) if row else None


async def update(tx: Connection, repository: Repository, secrets: bytes) -> None:
    """Write what may be changed. `restic_id` is not: see `note_restic_id`."""
    await tx.execute(
        "UPDATE jobs.repository SET name = $2, url = $3, source = $4, may_create = $5, secrets = $6 WHERE id = $1",
        repository.id,
        repository.name,
        repository.url,
        repository.source,
        repository.create,
        secrets,
    )


async def in_use(tx: Connection, identity: UUID) -> bool:
    """Whether a host backs up to it, or a job is on its way to it."""
    used: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM jobs.host WHERE repository_id = $1)
            OR EXISTS (SELECT FROM jobs.job
                       WHERE repository_id = $1 AND status IN ('queued', 'dispatched', 'running'))
        """,
        identity,
    )
    return used


async def delete(tx: Connection, identity: UUID) -> bool:
    """Forget the repository; what is in it stays where it is."""
    return bool(await tx.fetchval("DELETE FROM jobs.repository WHERE id = $1 RETURNING true", identity))


async def note_restic_id(db: Connection | Pool, job: UUID, host: UUID, restic_id: str) -> None:
    """Remember which repository this is, the first time that a job of this host has seen it."""
    await db.execute(
        """
        UPDATE jobs.repository SET restic_id = $3
        FROM jobs.job
        WHERE job.id = $1 AND job.host_id = $2 AND repository.id = job.repository_id AND restic_id IS NULL
        """,
        job,
        host,
        restic_id,
    )
