"""Whether everything that happened to alerts is accounted for, asked of the database itself."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import asyncpg
import click

from cli.doctor.folder import settings
from services.alerts.queries import audit as alerts_audit
from services.notifier.audit import BEGINNING, Missing, missing
from services.notifier.model import Fault
from shared.asks.alerts import ListTransitions, Transition
from shared.db import AWAY, Connection, connect
from shared.environment import ProcessSettings, load
from shared.refusal import Refusal

WORDS = {
    Fault.NOT_PUBLISHED: "not published: it waits in the outbox of alerts",
    Fault.NOT_RECEIVED: "the notifier has not received it",
    Fault.ANOTHER_EVENT: "the notifier has another event in its place",
    Fault.NOT_FANNED_OUT: "the notifier has not fanned it out",
    Fault.NO_DECISION: "no decision is recorded for a channel that there was",
    Fault.NO_DELIVERY: "it was due at a channel and there is no delivery",
    Fault.VERSION_MISSING: "the version before or after it is missing",
}


async def unaccounted(connection: Connection, since: datetime = BEGINNING) -> list[Missing]:
    """What is not accounted for of all that happened since then to alerts that stand or ended within seven days."""

    async def tell(question: ListTransitions) -> list[Transition]:
        return await alerts_audit.transitions(connection, question)

    found = await missing(connection, tell, since)
    return [] if isinstance(found, Refusal) else found


async def audit(data_dir: Path | None, environ: Mapping[str, str]) -> list[str]:
    """What is not accounted for, one line each."""
    url = load(ProcessSettings, settings(data_dir) if data_dir else environ).database_url
    try:
        connection = await connect(url, "audit")
    except (*AWAY, asyncpg.PostgresError) as error:
        raise click.ClickException(f"PostgreSQL: {str(error).partition(chr(10))[0] or type(error).__name__}") from None
    try:
        return [_line(one) for one in await unaccounted(connection)]
    except asyncpg.UndefinedTableError:
        raise click.ClickException("The database is not at this release's schema. Run: keepwatch migrate") from None
    finally:
        await connection.close()


def _line(one: Missing) -> str:
    about = one.transition
    what = f"alert {about.alert_id} version {about.version}, {about.type} at {about.at.isoformat(timespec='seconds')}"
    return f"{what} ({about.title}): {WORDS[one.fault]}"
