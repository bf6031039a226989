"""Calls restic for one repository: its arguments, its environment, its secrets."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent import process
from agent.engines import restic_output
from agent.engines.restic_output import Progress, Said
from agent.settings import AgentSettings
from agent.state_folder import StateFolder
from shared.agent_protocol import RepositorySpec

_MOST_OUTPUT = 64 * 1024 * 1024
_VERSION_SECONDS = 10.0
_RETRY_LOCK_SINCE = (0, 16)


@dataclass(frozen=True)
class Installed:
    """The restic of this machine."""

    path: Path
    version: str
    release: tuple[int, int]


@dataclass(frozen=True)
class Ended:
    """One finished run of restic."""

    exit_code: int
    said: Said
    stdout: str


async def installed(name: str, folder: StateFolder) -> Installed | None:
    """The restic that would be run now; None if there is none that works."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{process.PATH}")
    if found is None:
        return None
    lines: list[str] = []
    program = process.Program([found, "version"], _plain_environment(folder), lines.append, lines.append)
    try:
        async with asyncio.timeout(_VERSION_SECONDS):
            await process.run(program)
    except (OSError, TimeoutError):
        return None
    version = restic_output.version("\n".join(lines))
    return Installed(Path(found), *version) if version else None


@dataclass(frozen=True)
class Restic:
    """restic for one job: composes the command line from typed values, keeps secrets off it."""

    installed: Installed
    repository: RepositorySpec
    settings: AgentSettings
    folder: StateFolder
    log: Callable[[str], None]
    on_progress: Callable[[Progress], None]

    async def call(self, *arguments: str, show: bool = True) -> Ended:
        """Run `restic ARGUMENTS` to its end; `show` puts its words into the job's log.

        Raises:
            OSError: restic cannot be started.
        """
        said, output = Said(), _Output()
        argv = [str(self.installed.path), *arguments, "--json", f"--cache-dir={self.folder.cache}"]
        with ExitStack() as stack:
            secrets = self._secrets(stack)
            program = process.Program(
                argv,
                self._environment(secrets),
                on_stdout=lambda line: self._take(said, line, output, show=show),
                on_stderr=lambda line: self._take(said, line, None, show=show),
                pass_fds=tuple(secrets.values()),
                # 0.14 removes its lock on SIGINT only.
                stop_signal=signal.SIGINT,
                stop_grace=self.settings.pace.stop_grace,
            )
            if show:
                self.log(f"$ restic {' '.join(arguments)}")
            code = await process.run(program)
        return Ended(code, said, output.text())

    async def change(self, *arguments: str) -> Ended:
        """As `call`, for commands that take a lock: waits a little for it where restic can."""
        wait = self.installed.release >= _RETRY_LOCK_SINCE
        return await self.call(*arguments, *([f"--retry-lock={self.settings.pace.lock_wait}s"] if wait else []))

    def _take(self, said: Said, line: str, output: "_Output | None", *, show: bool) -> None:
        if output is not None:
            output.add(line)
        # Plain text on stdout is restic's tale, not its reasons; an array there is data.
        plain = output is not None and restic_output.parse_line(line) is None
        heard = ("" if line.startswith("[{") else line.strip()) if plain else restic_output.listen(said, line)
        if isinstance(heard, Progress):
            self.on_progress(heard)
        elif heard and show:
            self.log(heard)

    def _secrets(self, stack: ExitStack) -> dict[str, int]:
        password, url = self.repository.password or "", self.repository.url
        return {
            "RESTIC_PASSWORD_FILE": stack.enter_context(_in_memory(password)),
            "RESTIC_REPOSITORY_FILE": stack.enter_context(_in_memory(url)),
        }

    def _environment(self, secrets: dict[str, int]) -> dict[str, str]:
        env = _plain_environment(self.folder) | process.proxies() | self.repository.env
        env |= {name: f"/proc/self/fd/{descriptor}" for name, descriptor in secrets.items()}
        password = self.repository.password or ""
        if password != password.strip():
            # restic strips what it reads from a file; this password would become another one.
            del env["RESTIC_PASSWORD_FILE"]
            env["RESTIC_PASSWORD"] = password
        return env


class _Output:
    """The text of a stream, up to a bound."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0

    def add(self, line: str) -> None:
        self._size += len(line)
        if self._size <= _MOST_OUTPUT:
            self._lines.append(line)

    def text(self) -> str:
        return "\n".join(self._lines)


@contextmanager
def _in_memory(text: str) -> Iterator[int]:
    """A file that has no name and is on no disk; a child that inherits the descriptor can open it again."""
    descriptor = os.memfd_create("keepwatch")
    try:
        os.write(descriptor, text.encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _plain_environment(folder: StateFolder) -> dict[str, str]:
    return {
        "PATH": process.PATH,
        "HOME": str(folder.home),
        "TMPDIR": str(folder.scratch),
        "LC_ALL": "C.UTF-8",
        "RESTIC_PROGRESS_FPS": "1",
    }
