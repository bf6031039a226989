"""The statement that gives a demo its past."""

import json
from collections.abc import Sequence
from uuid import UUID

from shared.asks.demo import PastBackup
from shared.db import Connection


async def insert(tx: Connection, ids: Sequence[UUID], backups: Sequence[PastBackup]) -> list[UUID]:
    """Write finished backups of the past; the ids of those that were new and older than all that their group has."""
    rows = await tx.fetch(
        """
        INSERT INTO jobs.job (id, host_id, kind, source_group_id, source_group_name, status, trigger, created_at,
                              started_at, finished_at, evidence_at, exit_code, error_class, message, summary)
        SELECT told.id, source_group.host_id, 'backup', source_group.id, source_group.name, told.status, 'report',
               told.started_at, told.started_at, told.finished_at, told.finished_at, told.exit_code,
               told.error_class, told.message, told.summary::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[],
                    $8::text[], $9::text[])
            AS told (id, source_group_id, status, started_at, finished_at, exit_code, error_class, message, summary)
        JOIN jobs.source_group ON source_group.id = told.source_group_id
        -- The past ends where the group's own jobs begin: nothing is put between things that happened.
        WHERE told.finished_at < coalesce((SELECT min(created_at) FROM jobs.job
                                           WHERE source_group_id = source_group.id), now())
        ON CONFLICT (id) DO NOTHING
        RETURNING id
        """,
        ids,
        [backup.source_group_id for backup in backups],
        [backup.status for backup in backups],
        [backup.started_at for backup in backups],
        [backup.finished_at for backup in backups],
        [backup.exit_code for backup in backups],
        [backup.error_class for backup in backups],
        [backup.message for backup in backups],
        [json.dumps(backup.summary) for backup in backups],
    )
    return [row["id"] for row in rows]
