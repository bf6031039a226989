"""Opens a job's repository: made once, and never silently again."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.engines import classify, restic_output
from agent.engines.restic_program import Ended, Restic
from agent.outcome import JobFailed
from shared.vocabulary import ErrorClass

_LOOK_AGAIN = 0.1
_READ_ID = ("cat", "config", "--no-lock")


async def open_repository(restic: Restic) -> str:
    """The repository's id; the repository is created only if the server has never known one.

    Raises:
        JobFailed: with the class of what is wrong; nothing was written then.
    """
    spec = restic.repository
    ended = await _ask(restic, *_READ_ID)
    if _is_absent(ended) and spec.create and spec.restic_id is None:
        async with _alone(spec.url):
            ended = await _ask(restic, *_READ_ID)
            if _is_absent(ended):
                await _create(restic)
                ended = await _ask(restic, *_READ_ID)
    found = _id(ended)
    if spec.restic_id is not None and found != spec.restic_id:
        raise JobFailed(
            ErrorClass.REPO_CHANGED, f"this is repository {found[:10]}, not {spec.restic_id[:10]}: nothing was written"
        )
    return found


async def _ask(restic: Restic, *arguments: str) -> Ended:
    """Call restic with a deadline: 0.18 and newer try for a quarter of an hour to reach a repository."""
    deadline = restic.settings.pace.repository_answer
    try:
        async with asyncio.timeout(deadline):
            return await restic.call(*arguments, show=False)
    except TimeoutError:
        message = f"the repository did not answer within {deadline:g} s"
        raise JobFailed(ErrorClass.REPO_UNREACHABLE, message) from None


def _is_absent(ended: Ended) -> bool:
    return (
        ended.exit_code != 0 and classify.error_class(ended.exit_code, ended.said.everything) is ErrorClass.REPO_MISSING
    )


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[None]:
    """Of all agents on this machine, only one creates a local repository.

    Two `restic init` at once leave a repository that neither can open: each writes a key before it looks for a config.
    """
    path = Path(url.removeprefix("local:"))
    descriptor = os.open(_nearest_folder(path), os.O_RDONLY) if path.is_absolute() else None
    try:
        while descriptor is not None and not _lock(descriptor):  # noqa: ASYNC110  the holder is another process
            await asyncio.sleep(_LOOK_AGAIN)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _nearest_folder(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.is_dir())


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _create(restic: Restic) -> None:
    restic.log("the repository does not exist yet: creating it")
    ended = await _ask(restic, "init")
    if ended.exit_code != 0 and "already" not in ended.said.everything:
        raise _failure(ended)


def _id(ended: Ended) -> str:
    if ended.exit_code != 0:
        raise _failure(ended)
    config = restic_output.first_document(ended.stdout)
    if not isinstance(config, dict) or not isinstance(config.get("id"), str):
        raise JobFailed(ErrorClass.OTHER, "restic did not tell the repository's id", ended.exit_code)
    return str(config["id"])


def _failure(ended: Ended) -> JobFailed:
    reason = classify.error_class(ended.exit_code, ended.said.everything)
    return JobFailed(reason, ended.said.message or f"restic ended with code {ended.exit_code}", ended.exit_code)
