"""Following a job: its progress to its end, and its log as it grows."""

import asyncio
import codecs
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from rich.text import Text

from cli.client import screen
from cli.client.api import Api, Raw
from cli.client.problems import ApiProblem
from shared.vocabulary import JobStatus

Answer = TypeVar("Answer")
LOOK_SECONDS = 0.5
PATIENCE = 120
"""How many looks in a row may fail before we give up: a restarting server is not a failed job."""


async def to_the_end(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it ended; its progress goes to stderr meanwhile."""
    err = screen.console(stderr=True)
    told = None
    with err.status("") as status:
        while not JobStatus(job["status"]).finished:
            news = Text(_news(job))
            status.update(news)
            if not err.is_terminal and job["status"] != told:
                err.print(news)
            told = job["status"]
            await asyncio.sleep(LOOK_SECONDS)
            job = await _patiently(partial(api.get, f"/jobs/{job['id']}"))
    return job


def _news(job: dict[str, Any]) -> str:
    what = f"{_subject(job)}: {job['status']}"
    progress = job["progress"] or {}
    if job["status"] == JobStatus.RUNNING and "percent" in progress:
        return f"{what}, {float(progress['percent']):.0f} %"
    return screen.clean(f"{what}, {job['message']}" if job["message"] else what)


def _subject(job: dict[str, Any]) -> str:
    group = f" / {job['source_group_name']}" if job["source_group_name"] else ""
    return screen.clean(f"{job['kind']} of {job['host_name']}{group}")


def sentence(job: dict[str, Any]) -> str:
    """Where a job stands, in one line."""
    error = f" ({job['error_class']})" if job["error_class"] else ""
    message = f": {job['message'].partition(chr(10))[0]}" if job["message"] else ""
    return f"{job['id']} {_subject(job)} {job['status']}{error}{message}"


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    for _ in range(PATIENCE):
        try:
            return await ask()
        except ApiProblem as problem:
            if problem.status != 503:  # noqa: PLR2004  HTTP's own number
                raise
        await asyncio.sleep(LOOK_SECONDS)
    return await ask()


async def log(api: Api, job: str, *, following: bool) -> None:
    """Print a job's log as far as it goes, or until the job has ended."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    read = 0
    while True:
        # Looked at before reading: what a job logs until its end is then in what is read after it.
        ended = not following or await _ended(api, job)
        while piece := _after(read, await _patiently(partial(_read, api, job, read))):
            read += len(piece)
            _write(decoder.decode(piece))
        if ended:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _ended(api: Api, job: str) -> bool:
    return JobStatus((await _patiently(partial(api.get, f"/jobs/{job}")))["status"]).finished


async def _read(api: Api, job: str, start: int) -> Raw:
    return await api.read(f"/jobs/{job}/log", {"Range": f"bytes={start}-"})


def _after(read: int, raw: Raw) -> bytes:
    if raw.status == 416:  # noqa: PLR2004  nothing there (yet)
        return b""
    # 200: the whole log, whatever range was asked for.
    return raw.body if raw.status == 206 else raw.body[read:]  # noqa: PLR2004


def _write(text: str) -> None:
    sys.stdout.write(screen.clean(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
