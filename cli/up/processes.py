"""The processes of the system as children of the supervisor."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from signal import SIGKILL

from cli.client.tls import trust
from cli.embedded import EmbeddedNats, EmbeddedPostgres
from cli.embedded.kept import LOOPBACK, free_port
from cli.embedded.launch import Launch
from cli.embedded.server import EmbeddedServer
from cli.up.child import Child
from cli.up.environment import service_environment
from cli.up.folder import DataFolder
from cli.up.gateway import answers_ready
from cli.up.keys import Keys
from cli.up.options import Options


@dataclass(frozen=True)
class Processes:
    """Makes the children; nothing runs yet."""

    options: Options
    folder: DataFolder
    keys: Keys
    notice: Callable[[str], None]

    def postgres(self) -> EmbeddedPostgres:
        """The database server."""
        return EmbeddedPostgres(self.folder.path / "postgres", log=self.folder.log_of("postgres"))

    def nats(self) -> EmbeddedNats:
        """The message broker."""
        return EmbeddedNats(self.folder.path / "nats", log=self.folder.log_of("nats"))

    def server(self, server: EmbeddedServer) -> Child:
        """An embedded server as a child."""

        def prepare() -> Launch:
            server.prepare()
            child.where = f"{LOOPBACK}:{server.port}"
            return server.launch()

        async def ready(pid: int) -> bool:
            return await asyncio.to_thread(server.is_ready, pid)

        child = Child(server.name, prepare, ready, server.log, self.notice)
        return child

    def service(self, name: str) -> Child:
        """A service other than the gateway, with a health page on a free port of loopback."""
        port = free_port()
        where = f"http://{LOOPBACK}:{port}"
        return self._serving(name, LOOPBACK, port, where)

    def api(self) -> Child:
        """The gateway."""
        return self._serving("api", self.options.listen, self.options.port, self.options.local_url)

    def _serving(self, name: str, listen: str, port: int, url: str) -> Child:
        command = [sys.executable, "-P", "-m", "cli.main", "serve", name, "--listen", listen, "--port", str(port)]
        environment = service_environment(name, self.options, self.keys)
        # Without the supervisor the servers are gone too, so there is nothing left to finish in order.
        launch = Launch(command, environment, cwd=self.folder.path, death_signal=SIGKILL)
        tls = trust(self.options.tls_cert) if name == "api" else None

        async def ready(_: int) -> bool:
            return await answers_ready(url, tls)

        return Child(name, lambda: launch, ready, self.folder.log_of(name), self.notice, url)
