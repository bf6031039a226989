"""The demo's agents: ordinary `keepwatch agent` processes that believe to be on hosts of their own."""

import os
import sys
from dataclasses import dataclass
from signal import SIGKILL

from cli.client.api import Api
from cli.client.problems import ApiProblem
from cli.embedded.launch import Launch
from cli.up.child import Child
from cli.up.demo.fleet import DemoFolder, tar
from cli.up.environment import inherited
from cli.up.processes import Processes


@dataclass(frozen=True)
class Agents:
    """Makes the agents as children; nothing runs yet."""

    api: Api
    folder: DemoFolder
    processes: Processes

    def agent(self, host: str, identity: str) -> Child:
        """The agent of one host; ready once the API says that the host is online."""
        name = f"agent-{host}"
        # An agent tells restic to end when it is killed itself, and nobody is left to take its last report.
        launch = Launch(self._command(host), inherited(os.environ), self.folder.host(host), death_signal=SIGKILL)

        async def ready(_: int) -> bool:
            try:
                return bool((await self.api.get(f"/hosts/{identity}"))["status"] == "online")
            except ApiProblem:
                return False

        log = self.processes.folder.log_of(name)
        return Child(name, lambda: launch, ready, log, self.processes.notice, f"agent of {host}")

    def _command(self, host: str) -> list[str]:
        folder, options = self.folder.host(host), self.processes.options
        return [
            *(sys.executable, "-P", "-m", "cli.main", "agent", "--server", options.local_url),
            *("--token-file", str(folder / "token"), "--state-dir", str(folder / "state")),
            *(["--ca-file", str(options.tls_cert)] if options.tls_cert else []),
            # Also with restic: the groups of a demo that began without it stay what they are.
            *("--allow-command", tar()),
        ]
