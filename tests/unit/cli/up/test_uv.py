"""`uv run` is only a parent: a script that kills it means us."""

import subprocess
import sys

import pytest

PARENT = '#!/bin/sh\n"$@"\nexit $?\n'
CHILD = """
import signal
from cli.up.uv import end_with_uv
signal.signal(signal.SIGTERM, lambda *_: exit(print("told to stop", flush=True)))
end_with_uv()
print("runs", flush=True)
signal.sigtimedwait([signal.SIGUSR1], {seconds})
print("was not told", flush=True)
"""


@pytest.fixture
def killed_parent(tmp_path):
    """What a child says after its parent of that name was killed with SIGKILL."""

    def run(name, seconds):
        (tmp_path / name).write_text(PARENT)
        (tmp_path / name).chmod(0o755)
        command = [tmp_path / name, sys.executable, "-c", CHILD.format(seconds=seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout.readline() == "runs\n"
            parent.kill()
            return parent.stdout.read().strip()

    return run


def test_a_killed_uv_stops_us(killed_parent):
    assert killed_parent("uv", seconds=30) == "told to stop"


def test_a_killed_shell_does_not(killed_parent):
    assert killed_parent("sh", seconds=0.5) == "was not told"
