"""A past for the demo: history that raises no alert and tells nobody, since no event is said of it."""

from uuid import UUID, uuid5

import structlog

from services.jobs.desk import Desk
from services.jobs.queries import finish, past
from shared.asks.demo import DEMO, PastBackup, TellPast
from shared.db import Connection, in_transaction

log = structlog.get_logger()


async def tell_past(desk: Desk, ask: TellPast) -> int:
    """Write backups that never were, marked as such; the last success of a group may follow, forwards only."""
    marked = [backup.model_copy(update={"summary": {**backup.summary, DEMO: True}}) for backup in ask.body.backups]

    async def work(tx: Connection) -> int:
        written = await past.insert(tx, [_identity(backup) for backup in marked], marked)
        await finish.move_last_success(tx, written)
        return len(written)

    count = await in_transaction(desk.pool, work)
    log.info("demo history written", backups=count)
    return count


def _identity(backup: PastBackup) -> UUID:
    """The same for the same backup, whoever tells it again."""
    return uuid5(backup.source_group_id, backup.started_at.isoformat())
