"""compose.yaml brought up for real, told its story from outside, and taken down with all that was its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from tests.installation import Api, free_port, receiving

TOP = Path(__file__).parents[2]
FILES = ("compose.yaml", "tests/compose/compose.test.yaml")
IMAGES = ("keepwatch:0.1.0", "postgres:18", "nats:2.15-alpine")
UP_SECONDS = 180


def why_not() -> str | None:
    """What is missing to run these tests."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "no Docker Engine answers"
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
    """One project of compose.yaml."""

    def __init__(self) -> None:
        self.project = f"keepwatch-test-{uuid4().hex[:8]}"
        self.port = free_port()
        self.environ = os.environ | {"KEEPWATCH_PORT": str(self.port)}
        self.url = f"http://127.0.0.1:{self.port}"

    def __call__(self, *arguments: str) -> str:
        """Run `docker compose ARGUMENTS`; what it printed."""
        files = [part for file in FILES for part in ("--file", str(TOP / file))]
        command = ["docker", "compose", "--project-name", self.project, "--project-directory", str(TOP), *files]
        done = subprocess.run(
            [*command, *arguments], env=self.environ, capture_output=True, text=True, check=False, timeout=UP_SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, *scales: str) -> None:
        """Bring it up, or to these numbers of copies, until everything is healthy."""
        options = [part for scale in scales for part in ("--scale", scale)]
        self("up", "--detach", "--wait", "--no-build", *options)

    def secret(self, name: str) -> str:
        """What the first start made."""
        return self("exec", "--no-TTY", "api", "cat", f"/run/keepwatch/{name}").strip()

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self("ps", "--quiet", service).split()

    @staticmethod
    def kill(container: str) -> None:
        """SIGKILL, as a machine that dies would; then as a machine that comes back."""
        subprocess.run(["docker", "kill", container], capture_output=True, check=True)
        subprocess.run(["docker", "start", container], capture_output=True, check=True)


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    project = Compose()
    try:
        project.up()
        yield project
    finally:
        project("down", "--volumes", "--timeout", "10")


@pytest.fixture
async def api(compose):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        yield Api(http, compose.url, compose.secret("admin_token"))


@pytest.fixture
async def receiver(api):
    """A receiver on this machine that the containers reach."""
    async with receiving(api, listen="0.0.0.0", name="receiver") as found:
        yield found
