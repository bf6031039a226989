"""`keepwatch up` as a person starts it: a process of its own, its lines read as they come."""

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from queue import Queue

import pytest

READY_SECONDS = 60


class Up:
    """A running `keepwatch up` on one data folder."""

    def __init__(self, folder, *flags, **environment):
        self.folder = folder
        self.config = folder.parent / "config"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        mine = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWATCH_")}
        self.environment = mine | {"XDG_CONFIG_HOME": str(self.config)} | environment
        self.process = subprocess.Popen(
            self.command("up", "--data-dir", str(folder), "--port", str(self.port), *flags),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []
        self._lines = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @staticmethod
    def command(*arguments):
        return [sys.executable, "-m", "cli.main", *arguments]

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, beginning, seconds=READY_SECONDS):
        """The next line that begins so."""
        while (line := self._lines.get(timeout=seconds)) is not None:
            self.said.append(line)
            if line.strip().startswith(beginning):
                return line.strip()
        raise AssertionError(f"ended without {beginning!r}: {self.said}")

    def ready(self):
        """Wait for the line that scripts wait for; the URL that it names."""
        return self.line("ready ").removeprefix("ready ")

    def run(self, *arguments):
        """A client command in "the next terminal"."""
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )

    def api(self, path, method="GET", body=None):
        """What the HTTP API answers to the admin."""
        token = (self.folder / "secrets" / "admin-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def processes(self):
        """All processes below it, as (pid, start time): a number alone may be given to somebody else."""
        return descendants(self.process.pid)

    @staticmethod
    def alive(processes):
        """Those of them that still run."""
        return {(pid, began) for pid, began in processes if began and started_at(pid) == began}

    def end(self, signal):
        """Send the signal and wait; the exit code."""
        self.process.send_signal(signal)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Starts systems, each on a new folder unless told otherwise; none outlives the module's tests."""
    started = []

    def start(*flags, folder=None, **environment):
        up = Up(folder or tmp_path_factory.mktemp("up") / "data", *flags, **environment)
        started.append(up)
        return up

    yield start
    for up in started:
        if up.process.poll() is None:
            up.process.terminate()
            up.process.wait(timeout=60)
        up.process.stdout.close()


def descendants(pid):
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if (fields := stat(folder.name)) is not None:
            parents[int(folder.name)] = int(fields[1])
    below, found = {pid}, set()
    while below:
        below = {child for child, parent in parents.items() if parent in below} - found
        found |= below
    return {(child, started_at(child)) for child in found}


def started_at(pid):
    fields = stat(pid)
    return None if fields is None or fields[0] == "Z" else fields[19]


def stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
