"""How many deliveries wait, for Prometheus."""

from prometheus_client import Gauge

from services.notifier.queries import deliveries
from shared.db import Pool

SECONDS = 15.0
WAITING = Gauge("keepwatch_deliveries_waiting", "Deliveries that are to be made or will be retried", ["kind", "state"])


async def look(pool: Pool) -> bool:
    """Count what waits now."""
    counts = await deliveries.count_waiting(pool)
    WAITING.clear()
    for (kind, state), count in counts.items():
        WAITING.labels(kind.value, state.value).set(count)
    return False
