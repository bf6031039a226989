"""Nothing may survive a supervisor that is killed with SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

START_AND_TELL = """
import sys
from pathlib import Path
from cli.embedded import EmbeddedNats, EmbeddedPostgres

folder = Path(sys.argv[1])
with EmbeddedPostgres(folder / "postgres", durable=False) as postgres, EmbeddedNats(folder / "nats") as nats:
    print(postgres.mark, nats.mark, flush=True)
    sys.stdin.read()
"""


def test_a_killed_parent_takes_both_servers_with_it(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_TELL, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    marks = parent.stdout.readline().split()
    assert all(running(mark) for mark in marks)

    parent.kill()
    parent.communicate()

    assert everything_ends(marks, seconds=10)


def test_a_child_whose_parent_died_before_it_was_tied_ends_at_once():
    leash = Path(__file__).parents[3] / "cli" / "embedded" / "leash.py"
    somebody_else = "1" if os.getpid() != 1 else "2"

    outcome = subprocess.run(
        [sys.executable, leash, somebody_else, str(int(signal.SIGTERM)), "-", "/bin/echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert "is gone" in outcome.stderr


def running(mark):
    return [process for process in Path("/proc").glob("[0-9]*") if mark in title(process)]


def title(process):
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def everything_ends(marks, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(running(mark) for mark in marks):
            return True
        os.sched_yield()
    return False
