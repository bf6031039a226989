"""PostgreSQL: a pool that comes back by itself, and which errors mean "try again"."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import asyncpg
import structlog

from shared.crash_points import crash_point

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Pool: TypeAlias = asyncpg.Pool
    Connection: TypeAlias = asyncpg.Connection

Result = TypeVar("Result")
log = structlog.get_logger()

SERVER_SETTINGS = {
    "timezone": "UTC",  # times inside event payloads are written by SQL
    "jit": "off",  # nothing here runs long enough to be worth a compilation
    "idle_in_transaction_session_timeout": "60s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
BY_INDEX = {
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"), "off"),
    "plan_cache_mode": "force_generic_plan",
}
"""For hot loops, whose statements name the rows that they are about. In a storm statistics lag behind, and a plan that
was made for a small table, and reads all of it, is kept while the table grows. What the plan is does not depend on the
values, so it is made once."""
COLLISIONS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,  # disk full, out of memory
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed later: the fault is not in the work."""
    return isinstance(error, COLLISIONS + AWAY)


@asynccontextmanager
async def open_pool(
    url: str, name: str, *, size: int = 10, statement_seconds: float = 60, by_index: bool = False
) -> AsyncIterator[Pool]:
    """A pool to the database, waited for as long as it takes; `name` is shown in pg_stat_activity."""
    settings = SERVER_SETTINGS | {"application_name": f"keepwatch-{name}"} | (BY_INDEX if by_index else {})
    pool = await _patiently(
        lambda: asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            command_timeout=statement_seconds,
            timeout=10,
            server_settings=settings,
            reset=_keep_session,
        )
    )
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(1):
                await pool.close()
        except (TimeoutError, *AWAY):
            pool.terminate()


async def connect(url: str, name: str, **server_settings: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection outside the pool, for session state such as advisory locks."""
    settings = SERVER_SETTINGS | {"application_name": f"keepwatch-{name}"} | server_settings
    return await asyncpg.connect(url, timeout=10, command_timeout=30, server_settings=settings)


async def _keep_session(_: Connection) -> None:
    """Nothing here changes session state on pooled connections, so giving one back costs no round trip."""


async def _patiently(attempt: Callable[[], Awaitable[Result]]) -> Result:
    pause = 0.2
    while True:
        try:
            return await attempt()
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError):
            raise  # waiting does not mend these
        except AWAY as error:
            log.warning("database not reached", error=type(error).__name__, retry_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)


async def in_transaction(pool: Pool, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in one transaction; again, with jitter, when it collided with another one."""
    for attempt in range(8):
        try:
            return await _in_one_transaction(pool, work)
        except COLLISIONS as error:
            log.info("transaction collided", error=type(error).__name__, attempt=attempt)
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  jitter, not a secret
    return await _in_one_transaction(pool, work)


async def _in_one_transaction(pool: Pool, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with pool.acquire() as connection, connection.transaction():
        result = await work(connection)
        crash_point("commit.before")
    crash_point("commit.after")
    return result
