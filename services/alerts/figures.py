"""How many alerts there are, for Prometheus."""

from prometheus_client import Gauge

from services.alerts.queries import reads
from shared.db import Pool

SECONDS = 15.0
ALERTS = Gauge("keepwatch_alerts", "Unresolved alerts", ["kind", "state"])


async def look(pool: Pool) -> bool:
    """Count what is unresolved now."""
    counts = await reads.count_by_kind(pool)
    ALERTS.clear()
    for (kind, state), count in counts.items():
        ALERTS.labels(kind.value, state.value).set(count)
    return False
