"""Runs one program and lets none of it outlive the job."""

import asyncio
import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

_PR_SET_PDEATHSIG = 1
_LONGEST_LINE = 32 * 1024 * 1024
_CHUNK = 65_536
_LAST_WORDS = 5.0
_LIBC = ctypes.CDLL(None)

OnLine = Callable[[str], None]
# Nothing of the agent's own environment reaches a program, but the way through a proxy.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Program:
    """What to start, and how to end it."""

    argv: Sequence[str]
    env: Mapping[str, str]
    on_stdout: OnLine
    on_stderr: OnLine
    pass_fds: tuple[int, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace: float = 15.0


def proxies() -> dict[str, str]:
    """The proxy settings of the agent's own environment."""
    return {name: os.environ[name] for name in _PROXIES if name in os.environ}


async def run(program: Program) -> int:
    """Run to the end and return the exit code, negative for a signal; ends the whole group when cancelled.

    Raises:
        OSError: the program cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        env=dict(program.env),
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=program.pass_fds,
        start_new_session=True,
        preexec_fn=partial(_end_with_agent, program.stop_signal),
    )
    outputs = asyncio.gather(
        _each_line(process.stdout, program.on_stdout), _each_line(process.stderr, program.on_stderr)
    )
    try:
        code = await process.wait()
        # A program it left behind may hold the pipes open: what the program itself wrote is there by then.
        await asyncio.wait([outputs], timeout=_LAST_WORDS)
    except asyncio.CancelledError:
        await _end(process, program)
        raise
    else:
        return code
    finally:
        # What the program left behind in its group goes with it, and with it the last holder of the pipes.
        _signal_group(process, signal.SIGKILL)
        outputs.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await outputs


def _end_with_agent(number: int) -> None:
    """Runs in the child: an agent that is killed leaves no program behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, number)


async def _end(process: asyncio.subprocess.Process, program: Program) -> None:
    _signal_group(process, program.stop_signal)
    try:
        async with asyncio.timeout(program.stop_grace):
            await process.wait()
    except TimeoutError:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


async def _each_line(stream: asyncio.StreamReader | None, on_line: OnLine) -> None:
    """Call with each line, decoded; one that is absurdly long comes in pieces."""
    assert stream is not None  # noqa: S101  all three streams are pipes
    rest = bytearray()
    while chunk := await stream.read(_CHUNK):
        *lines, tail = chunk.split(b"\n")
        for line in lines:
            on_line((rest + line).decode(errors="replace").rstrip("\r"))
            rest.clear()
        rest += tail
        if len(rest) > _LONGEST_LINE:
            on_line(rest.decode(errors="replace"))
            rest.clear()
    if rest:
        on_line(rest.decode(errors="replace"))
