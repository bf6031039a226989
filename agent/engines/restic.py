"""Backup, forget, prune and check by the real restic."""

import asyncio
import platform
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent import repositories
from agent.engines import restic_output, restic_program, verdicts
from agent.engines.restic_program import Restic
from agent.engines.restic_repository import open_repository
from agent.outcome import JobFailed, Outcome
from agent.running_job import RunningJob
from agent.settings import AgentSettings
from agent.state_folder import StateFolder
from shared.agent_protocol import ForgetSpec, JobRun, RepositorySpec, SourceGroupSpec
from shared.vocabulary import ErrorClass, JobKind, TerminalStatus


async def run(job: RunningJob, settings: AgentSettings, folder: StateFolder) -> Outcome:
    """Do the job, whose values the agent's rules have passed; nothing is written to a repository that is not its own.

    Raises:
        JobFailed: the job ended before its main command.
        NotAllowed: the repository's file on this host is not in order.
        OSError: the agent's own folder or restic cannot be used.
    """
    spec = _repository(job.run, settings)
    restic = Restic(await _installed(settings, folder), spec, settings, folder, job.log, lambda at: _proceed(job, at))
    missing = await _missing_paths(job.run)
    job.opened(await open_repository(restic))
    match job.run.kind:
        case JobKind.BACKUP:
            return await _backup(restic, job.run, missing)
        case JobKind.FORGET:
            return await _forget(restic, job.run)
        case JobKind.PRUNE | JobKind.CHECK:
            return verdicts.maintenance(await restic.change(job.run.kind.value))


def _repository(run: JobRun, settings: AgentSettings) -> RepositorySpec:
    if run.repository is None:
        raise JobFailed(ErrorClass.NOT_ALLOWED, "a restic job needs a repository")
    spec = repositories.resolve(run.repository, settings)
    if not spec.password:
        raise JobFailed(ErrorClass.WRONG_PASSWORD, "the repository has no password")
    return spec


async def _installed(settings: AgentSettings, folder: StateFolder) -> restic_program.Installed:
    found = await restic_program.installed(settings.restic, folder)
    if found is None:
        raise JobFailed(ErrorClass.RESTIC_MISSING, "restic is not installed on this host")
    return found


def _proceed(job: RunningJob, at: restic_output.Progress) -> None:
    job.proceed(at.percent, at.bytes_done, at.files_done)


async def _missing_paths(run: JobRun) -> list[str]:
    """The paths that do not exist, since up to 0.18 restic passes over them; all of them end the job here."""
    if run.kind is not JobKind.BACKUP or run.source_group is None:
        return []
    paths = run.source_group.paths
    # A path on a network that hangs must not stop the agent's heart.
    missing = await asyncio.to_thread(lambda: [path for path in paths if _is_missing(path)])
    if len(missing) == len(paths):
        raise JobFailed(ErrorClass.SOURCE_MISSING, verdicts.missing_message(missing, len(paths)))
    return missing


def _is_missing(path: str) -> bool:
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # it is there, but cannot be looked at: restic will say so
    return False


async def _backup(restic: Restic, run: JobRun, missing: list[str]) -> Outcome:
    group = run.source_group
    if group is None:
        raise JobFailed(ErrorClass.NOT_ALLOWED, "a backup needs a source group")
    with TemporaryDirectory(dir=restic.folder.scratch) as folder:
        ended = await restic.change("backup", *_identity(run, group), *_sources(group, Path(folder)))
    return verdicts.backup(ended, group.paths, missing)


def _identity(run: JobRun, group: SourceGroupSpec) -> list[str]:
    return [f"--host={host_name(run)}", f"--tag={tag(group.id)}"]


def host_name(run: JobRun) -> str:
    """What every snapshot of this host carries, and forget selects."""
    return run.host_name or platform.node()


def tag(source_group_id: object) -> str:
    """What every snapshot of this source group carries, and forget selects."""
    return f"keepwatch-{source_group_id}"


def _sources(group: SourceGroupSpec, folder: Path) -> list[str]:
    names = folder / "paths"
    names.touch(mode=0o600)
    names.write_bytes(b"".join(path.encode() + b"\0" for path in group.paths))
    # An exclude file would take `#`, `$` and blanks in a pattern for its own.
    return [f"--files-from-raw={names}", *(f"--exclude={pattern}" for pattern in group.excludes)]


async def _forget(restic: Restic, run: JobRun) -> Outcome:
    """One call per group; the first that fails ends the job, with what was done until then."""
    done: list[dict[str, Any]] = []
    for spec in run.forget:
        ended = await restic.change("forget", *_selection(run, spec), *_retention(spec))
        verdict = verdicts.forget(ended, done)
        if verdict is not None:
            return verdict
        done.append({"source_group_id": str(spec.source_group_id)} | verdicts.counts(ended.stdout))
    return Outcome(TerminalStatus.SUCCEEDED, exit_code=0, summary={"groups": done})


def _selection(run: JobRun, spec: ForgetSpec) -> list[str]:
    return [f"--host={host_name(run)}", f"--tag={tag(spec.source_group_id)}", "--group-by="]


def _retention(spec: ForgetSpec) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in spec.retention.items()]
