"""The life of `keepwatch up`: everything started in order, kept running, and stopped in reverse order."""

import asyncio
import os
from pathlib import Path

import click

import shared.migrate
from cli.client.api import Api, connect
from cli.client.profile import Access
from cli.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServerError
from cli.embedded.kept import kept, password
from cli.up.certificate import check_certificate
from cli.up.child import StartError
from cli.up.database import create_database
from cli.up.demo.start import start_demo
from cli.up.folder import DataFolder
from cli.up.gateway import login_link
from cli.up.keys import Keys
from cli.up.logs import keep_small
from cli.up.options import Options
from cli.up.port import check_port
from cli.up.processes import Processes
from cli.up.profile import write_profile
from cli.up.screen import Screen
from cli.up.supervisor import Supervisor
from cli.up.uv import end_with_uv
from shared.process import stopping


def run(options: Options) -> None:
    """Run the system until SIGINT or SIGTERM; a `ClickException` when it can't start."""
    end_with_uv()
    folder = DataFolder(options.data_dir)
    with folder.locked():
        check_port(options)
        check_certificate(options)
        try:
            asyncio.run(System(options, folder, Keys(folder.secrets, os.environ)).run())
        except (StartError, EmbeddedServerError, shared.migrate.MigrationError) as error:
            raise click.ClickException(str(error).partition("\n")[0]) from None


class System:
    """All processes of one data folder."""

    def __init__(self, options: Options, folder: DataFolder, keys: Keys) -> None:
        self._options = options
        self._folder = folder
        self._keys = keys
        self._screen = Screen()
        self._processes = Processes(options, folder, keys, self._screen.notice)
        self._supervisor = Supervisor()

    async def run(self) -> None:
        """Start, stay until a signal, stop; a signal while starting stops what runs so far."""
        async with stopping() as stop, self._supervisor:
            stopped = asyncio.create_task(stop.wait())
            logs = asyncio.create_task(keep_small(self._folder.logs))
            starting = asyncio.create_task(self._start())
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopped
            for task in (starting, logs):
                task.cancel()
            self._screen.say("Stopping …")
        self._screen.say("Stopped.")

    async def _start(self) -> None:
        self._screen.say(f"Keepwatch on {self._folder.path}")
        await self._start_servers()
        with self._screen.working("Starting the services"):
            services = [self._processes.service(name) for name in ("jobs", "alerts", "notifier")]
            await self._supervisor.start(*services, self._processes.api(), ready=self._screen.child_is_ready)
        access = Access(self._options.local_url, self._keys.admin_token, self._options.tls_cert)
        async with connect(access) as api:
            write_profile(access)
            await self._welcome(api)
            if self._options.demo:
                await start_demo(api, self._processes, self._supervisor, self._screen)

    async def _start_servers(self) -> None:
        postgres, nats = self._processes.postgres(), self._processes.nats()
        for server in (postgres, nats):
            with self._screen.working(f"Starting {server.name}"):
                await self._supervisor.start(self._processes.server(server), ready=self._screen.child_is_ready)
        with self._screen.working("Migrating"):
            await self._migrate(postgres, nats)

    async def _migrate(self, postgres: EmbeddedPostgres, nats: EmbeddedNats) -> None:
        secret = kept(self._folder.secrets / "database-password", password)
        database_url = await asyncio.to_thread(create_database, postgres, secret)
        self._keys.place("DATABASE_URL", database_url)
        self._keys.place("NATS_URL", nats.url)
        steps = await shared.migrate.migrate(database_url, [nats.url])
        self._screen.done("migrated", f"{len(steps)} steps" if steps else "nothing to do")

    async def _welcome(self, api: Api) -> None:
        rows = [("Web and API", self._options.url)]
        if link := await login_link(api):
            rows.append(("Sign in once", link))
        user = f"admin, password {self._shown_password()}"
        rows += [("Sign in as", user), ("Data", str(self._folder.path)), ("Logs", str(self._folder.logs))]
        self._screen.say()
        self._screen.facts(rows)
        self._screen.ready(self._options.url)

    def _shown_password(self) -> str:
        if self._keys.password_is_new:
            return self._keys.admin_password
        return f"in {Path(self._folder.secrets) / 'admin-password'}"
