"""An agent's jobs against every restic that is installed, and a gateway that speaks the protocol."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from agent import state_folder
from agent.engines import restic_output
from agent.jobs import Jobs
from agent.settings import AgentSettings, Pace
from agent.spool import Spool
from shared.agent_protocol import ForgetSpec, JobFinished, JobRun, RepositorySpec, SourceGroupSpec
from shared.vocabulary import JobKind

ROOT = Path(__file__).parents[3]
GROUP = uuid4()
PASSWORD = "correct horse battery"


def _programs() -> dict[str, str]:
    """Every restic by its release, like `0.14`."""
    folder = Path(os.environ.get("KEEPWATCH_TEST_RESTIC_DIR") or ROOT / ".cache/restic")
    found = [*sorted(folder.glob("*/restic")), *filter(None, [shutil.which("restic")])]
    return {release: str(path) for path in reversed(found) for release in _release(str(path))}


def _release(program: str) -> list[str]:
    printed = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout
    version = restic_output.version(printed)
    return [".".join(map(str, version[1]))] if version else []


RESTICS = dict(sorted(_programs().items()))
NO_RESTIC = pytest.param(None, marks=pytest.mark.skip(reason="no restic: .ci/install-restic gets three"))


@pytest.fixture(params=RESTICS or [NO_RESTIC])
def restic(request):
    """The path of a restic: a test that asks for it runs with each version."""
    return RESTICS[request.param]


@pytest.fixture
def newest_restic():
    if not RESTICS:
        pytest.skip("no restic: .ci/install-restic gets three")
    return RESTICS[max(RESTICS, key=lambda release: tuple(map(int, release.split("."))))]


@dataclass
class World:
    """One host: its sources, a repository, and an agent's jobs without a connection."""

    root: Path
    program: str
    settings: AgentSettings
    jobs: Jobs
    repository: RepositorySpec
    group: SourceGroupSpec
    changed: asyncio.Event
    made: Callable[[], Path]
    host: str = "web-01"

    def source(self, name: str, text: str = "hello") -> str:
        """A folder with one file."""
        folder = self.root / "sources" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "file").write_text(text)
        return str(folder)

    def with_group(self, *paths: str, **values) -> "World":
        """The same host with one source group of these paths."""
        group = SourceGroupSpec(id=values.pop("id", uuid4()), name="mail", paths=list(paths), **values)
        return replace(self, group=group)

    def backed_up(self) -> "World":
        """The same host, whose source group `mail` has one snapshot."""
        shutil.copytree(self.made(), self.repository.url)
        return self.with_group(self.source("mail"), id=GROUP)

    def with_repository(self, **values) -> "World":
        return replace(self, repository=self.repository.model_copy(update=values))

    def job(self, kind: JobKind = JobKind.BACKUP, forget: dict[UUID, dict] | None = None) -> JobRun:
        return JobRun(
            job_id=uuid4(),
            kind=kind,
            host_name=self.host,
            source_group=self.group if kind is JobKind.BACKUP else None,
            repository=self.repository,
            forget=[ForgetSpec(source_group_id=key, retention=value) for key, value in (forget or {}).items()],
        )

    async def run(self, kind: JobKind = JobKind.BACKUP, forget: dict[UUID, dict] | None = None) -> JobFinished:
        """Run one job to its end."""
        return await self.finish(self.job(kind, forget))

    async def finish(self, job: JobRun) -> JobFinished:
        self.jobs.run(job)
        return await self.end_of(job.job_id)

    async def end_of(self, job_id: UUID) -> JobFinished:
        while True:
            known = self.jobs.spool.get(job_id)
            if known and known.finished and job_id not in self.jobs.running:
                return known.finished
            self.changed.clear()
            await self.changed.wait()

    def log_of(self, finished: JobFinished) -> str:
        return self.jobs.log_of(finished.job_id).read(0, 1_000_000)

    def restic(self, *arguments: str) -> str:
        """What a person sees who looks into the repository."""
        env = os.environ | {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": self.repository.url}
        argv = [self.program, f"--cache-dir={self.root}/person", *arguments]
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout

    def has_repository(self) -> bool:
        return Path(self.repository.url).exists()

    def packs(self) -> list[Path]:
        return list(Path(self.repository.url, "data").glob("*/*"))

    def snapshots(self, *arguments: str) -> list[dict]:
        return restic_output.first_document(self.restic("snapshots", "--json", *arguments)) or []


@pytest.fixture
def repository_answer():
    """Seconds a repository may take to answer, as agents have it: a test of one that never does asks for fewer."""
    return Pace.repository_answer


def make_settings(root: Path, program: str, repository_answer: float) -> AgentSettings:
    pace = Pace(
        reconnect=0.05,
        reconnect_longest=0.2,
        refused=0.2,
        stop_grace=10,
        repository_answer=repository_answer,
        lock_wait=1,
    )
    return AgentSettings("http://127.0.0.1:1", "token", root / "state", restic=program, pace=pace)


@pytest.fixture
async def world(tmp_path, restic, repository_of, repository_answer):
    """A host whose restic is each of the installed ones."""
    async for made in _worlds(make_settings(tmp_path, restic, repository_answer), repository_of):
        yield made


@pytest.fixture
async def newest(tmp_path, newest_restic, repository_of, repository_answer):
    """A host with the newest restic: for what does not depend on the version."""
    async for made in _worlds(make_settings(tmp_path, newest_restic, repository_answer), repository_of):
        yield made


@pytest.fixture(scope="session")
def repository_of(tmp_path_factory):
    """A repository that a restic has made, with one backup of `mail` in it: made once, copied by each test."""
    made: dict[str, Path] = {}

    def make(program: str) -> Path:
        if program not in made:
            folder = tmp_path_factory.mktemp("made")
            (folder / "mail").write_text("hello")
            env = os.environ | {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": str(folder / "repository")}
            for arguments in (["init"], ["backup", "--host=web-01", f"--tag=keepwatch-{GROUP}", str(folder / "mail")]):
                subprocess.run([program, f"--cache-dir={folder}/cache", *arguments], env=env, check=True)
            made[program] = folder / "repository"
        return made[program]

    return make


async def _worlds(settings: AgentSettings, repository_of):
    root, program = settings.state_dir.parent, settings.restic
    changed = asyncio.Event()
    with state_folder.locked(settings.state_dir) as folder:
        spool = Spool(folder.spool)
        jobs = Jobs(settings, folder, spool, changed.set)
        repository = RepositorySpec(id=uuid4(), url=str(root / "repository"), password=PASSWORD)
        group = SourceGroupSpec(id=GROUP, name="mail", paths=[])
        yield World(root, program, settings, jobs, repository, group, changed, lambda: repository_of(program))
        await jobs.stop()
        spool.close()
