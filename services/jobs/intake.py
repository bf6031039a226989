"""Grouping of concurrent report requests: one transaction carries out all that arrived while the last one ran."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from services.jobs import traces
from services.jobs.news import News
from services.jobs.reports import apply_reports
from shared.asks.jobs import Accepted, ReportJobs
from shared.db import Pool, in_transaction, is_transient
from shared.refusal import Refusal

log = structlog.get_logger()
REPORTS = Counter("keepwatch_reports", "Committed reports of jobs that ran elsewhere", ["kind", "status"])
MAX_TOGETHER = 4000
"""Reports in one transaction; a request is never split."""
Answer = Accepted | Refusal
Waiting = tuple[ReportJobs, asyncio.Future[Answer]]


@dataclass
class Intake:
    """Where report requests wait for the next transaction."""

    pool: Pool
    waiting: asyncio.Queue[Waiting] = field(default_factory=asyncio.Queue)

    async def submit(self, ask: ReportJobs) -> Answer:
        """What became of the request, once that is committed."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await self.waiting.put((ask, future))
        return await future

    async def run(self, news: News, stop: asyncio.Event) -> None:
        """Carry out requests until `stop`, and then those that still wait."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set() or not self.waiting.empty():
            arriving = asyncio.create_task(self.waiting.get())
            await asyncio.wait({arriving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not arriving.done():
                arriving.cancel()
                continue
            await self._carry_out(self._together(arriving.result()), news)
        stopping.cancel()

    def _together(self, first: Waiting) -> list[Waiting]:
        batch, size = [first], len(first[0].reports)
        while size < MAX_TOGETHER and not self.waiting.empty():
            batch.append(self.waiting.get_nowait())
            size += len(batch[-1][0].reports)
        return batch

    async def _carry_out(self, batch: Sequence[Waiting], news: News) -> None:
        asks, begun = [ask for ask, _ in batch], time.time()
        try:
            answers, finished = await in_transaction(self.pool, lambda tx: apply_reports(tx, asks))
        except Exception as error:  # noqa: BLE001  told to whoever asked
            await self._failed(batch, error, news)
            return
        traces.tell(finished, begun)
        if finished:
            await news.said()
        for job in finished:
            REPORTS.labels(job.kind.value, job.status.value).inc()
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    async def _failed(self, batch: Sequence[Waiting], error: Exception, news: News) -> None:
        """Nothing was carried out: where one request is to blame, the others must not suffer."""
        if len(batch) > 1 and not is_transient(error):
            log.warning("reports failed together, trying each alone", requests=len(batch), error=type(error).__name__)
            for waiting in batch:
                await self._carry_out([waiting], news)
            return
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
