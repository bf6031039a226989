"""compose.yaml brought up for real, told its story from outside, and taken down with all that was its own."""

import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import aiohttp
import pytest

from tests.installation import Api, Receiver, free_port, receiving
from tests.servers import why_no_containers

TOP = Path(__file__).parents[2]
FOR_TESTS = "tests/compose/compose.test.yaml"
IMAGES = ("keepwatch:0.1.0", "haproxy:2.6-bookworm")
UP_SECONDS = 180
COPIES = {"jobs": 2, "alerts": 3, "notifier": 2, "api": 2}


def why_not() -> str | None:
    """What is missing to run these tests."""
    if reason := why_no_containers():
        return reason
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        return "docker has no compose plugin"
    for image in IMAGES:
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            return f"there is no image {image}: see deploy/airgap/build, and docker compose build"
    return None


WHY_NOT = why_not()


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents and WHY_NOT:
            item.add_marker(pytest.mark.skip(reason=WHY_NOT))


class Compose:
    """One project of these files."""

    def __init__(self, *files: str) -> None:
        self.files = [*files, FOR_TESTS]
        self.project = f"keepwatch-test-{uuid4().hex[:8]}"
        self.port = free_port()
        self.environ = os.environ | {"KEEPWATCH_PORT": str(self.port)}
        self.url = f"http://127.0.0.1:{self.port}"

    def __call__(self, *arguments: str) -> str:
        """Run `docker compose ARGUMENTS`; what it printed."""
        files = [part for file in self.files for part in ("--file", str(TOP / file))]
        command = ["docker", "compose", "--project-name", self.project, "--project-directory", str(TOP), *files]
        done = subprocess.run(
            [*command, *arguments], env=self.environ, capture_output=True, text=True, check=False, timeout=UP_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, copies: Mapping[str, int] = MappingProxyType({})) -> None:
        """Bring it up, or to these numbers of copies, until everything is healthy."""
        options = [part for service, count in copies.items() for part in ("--scale", f"{service}={count}")]
        self("up", "--detach", "--wait", "--no-build", *options)

    def secret(self, name: str) -> str:
        """What the first start made, such as `admin/token`."""
        return self("exec", "--no-TTY", "api", "cat", f"/run/keepwatch/{name}").strip()

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self("ps", "--quiet", service).split()

    @contextmanager
    def dead(self, container: str) -> Iterator[None]:
        """SIGKILL, as when its machine dies; after the block that comes back."""
        docker("kill", container)
        try:
            yield
        finally:
            docker("start", container)

    def script(self, name: str, *arguments: str | Path, **environ: str) -> str:
        """Run deploy/NAME on this installation; what it printed."""
        files = ":".join(str(TOP / file) for file in self.files)
        whole = self.environ | {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_FILE": files} | environ
        command = [TOP / "deploy" / name, *arguments]
        done = subprocess.run(command, env=whole, capture_output=True, text=True, check=False, timeout=UP_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @staticmethod
    def wait_healthy(container: str) -> None:
        """Wait until its health check says so."""
        deadline = time.monotonic() + UP_SECONDS
        while docker("inspect", "--format", "{{.State.Health.Status}}", container) != "healthy":
            assert time.monotonic() < deadline, docker("logs", "--tail", "20", container)
            time.sleep(0.2)


def docker(*arguments: str) -> str:
    """Run `docker ARGUMENTS`; what it printed."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def brought_up(*files: str) -> Iterator[Compose]:
    """A project of these files, up and healthy; afterwards nothing of it is left."""
    project = Compose(*files)
    try:
        project.up()
        yield project
    finally:
        project("down", "--volumes", "--timeout", "10")


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """compose.yaml as it is."""
    with brought_up("compose.yaml") as project:
        yield project


@pytest.fixture(scope="session")
def scaled(compose: Compose) -> Compose:
    """The same installation, scaled out behind its proxy from here on."""
    compose.files.insert(1, "compose.scale.yaml")
    compose.up(COPIES)
    return compose


@pytest.fixture
def cluster() -> Iterator[Compose]:
    """An installation of its own on three NATS servers."""
    with brought_up("compose.yaml", "compose.cluster.yaml") as project:
        yield project


@pytest.fixture
def elsewhere() -> Iterator[Compose]:
    """A place for another installation, where nothing is yet."""
    project = Compose("compose.yaml")
    yield project
    project("down", "--volumes", "--timeout", "10")


@pytest.fixture
def api_of():
    """Gives the API of an installation, for as long as the block lasts."""

    @asynccontextmanager
    async def open_session(project: Compose) -> AsyncIterator[Api]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
            yield Api(http, project.url, project.secret("admin/token"))

    return open_session


@pytest.fixture
def receiver_of():
    """Gives a receiver on this machine that the containers of this API's installation reach."""
    return partial(receiving, listen="0.0.0.0", name="receiver")


@pytest.fixture
async def api(compose: Compose, api_of) -> AsyncIterator[Api]:
    async with api_of(compose) as found:
        yield found


@pytest.fixture
async def receiver(api: Api, receiver_of) -> AsyncIterator[Receiver]:
    async with receiver_of(api) as found:
        yield found
