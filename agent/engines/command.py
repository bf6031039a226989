"""A backup by one of the programs that the agent's own command line allows; its exit code decides."""

import signal

from agent import process
from agent.outcome import Outcome, failed
from agent.running_job import RunningJob
from agent.settings import AgentSettings
from agent.state_folder import StateFolder
from shared.vocabulary import ErrorClass, TerminalStatus

_INTERRUPTED = {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}


async def run(job: RunningJob, settings: AgentSettings, folder: StateFolder) -> Outcome:
    """Run the source group's command as it stands: no shell, no PATH, nothing of the server's environment."""
    group = job.run.source_group
    argv = group.command if group and group.command else []
    last: list[str] = []

    def on_line(line: str) -> None:
        job.log(line)
        last[:] = [line.strip() or last[-1] if last else line.strip()]

    env = {"PATH": process.PATH, "HOME": str(folder.home), "TMPDIR": str(folder.scratch), "LC_ALL": "C.UTF-8"}
    program = process.Program(argv, env, job.log, on_line, stop_grace=settings.pace.stop_grace)
    job.log(f"$ {' '.join(argv)}")
    try:
        code = await process.run(program)
    except OSError as error:
        return failed(ErrorClass.OTHER, f"{argv[0]} cannot be started: {error.strerror}")
    if code == 0:
        return Outcome(TerminalStatus.SUCCEEDED, exit_code=0)
    reason = ErrorClass.INTERRUPTED if code in _INTERRUPTED else ErrorClass.OTHER
    return failed(reason, last[0] if last and last[0] else f"{argv[0]} ended with code {code}", code)
