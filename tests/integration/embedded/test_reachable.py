"""Programs of a virtual environment that the servers' account can't look into."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from cli.embedded.account import server_user
from cli.embedded.reachable import Bundle, runnable

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")


@pytest.fixture
def open_folder():
    """A folder that every account can look into, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def closed_wheel(open_folder):
    """A program below a folder that is closed to other accounts."""
    root = open_folder / "closed"
    (root / "bin").mkdir(parents=True)
    shutil.copy2("/bin/true", root / "bin" / "program")
    root.chmod(0o700)
    return Bundle(root, "bin/program", ["bin"], stamp="program-1.0")


def test_a_program_out_of_reach_is_copied_once_per_version(closed_wheel, open_folder):
    shelf = open_folder / "shelf"

    found = runnable(closed_wheel, server_user(), shelf)
    written = found.stat().st_mtime_ns, found.stat().st_ino
    again = runnable(closed_wheel, server_user(), shelf)

    assert found == again == shelf / "program-1.0" / "bin" / "program"
    assert written == (again.stat().st_mtime_ns, again.stat().st_ino)
    assert closed_wheel.root.stat().st_mode & 0o777 == 0o700


def test_a_program_in_reach_is_used_where_it_is(closed_wheel, open_folder):
    closed_wheel.root.chmod(0o755)

    found = runnable(closed_wheel, server_user(), open_folder / "shelf")

    assert found == closed_wheel.root / "bin" / "program"
    assert not (open_folder / "shelf").exists()


START_BOTH = """
import os, sys
from pathlib import Path
from cli.embedded import EmbeddedNats, EmbeddedPostgres

folder = Path(sys.argv[1])
with EmbeddedPostgres(folder / "postgres", durable=False) as postgres, EmbeddedNats(folder / "nats") as nats:
    print(os.geteuid(), postgres.folder.stat().st_uid, nats.folder.stat().st_uid)
"""


def test_an_ordinary_user_starts_both_servers_as_itself(open_folder):
    uid, gid = server_user()
    os.chown(open_folder, uid, gid)

    outcome = subprocess.run(
        [interpreter_for(uid, gid), "-c", START_BOTH, open_folder / "data"],
        user=uid,
        group=gid,
        extra_groups=[],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PATH": os.environ["PATH"]},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.stdout.split() == [str(uid)] * 3, outcome.stderr


def interpreter_for(uid, gid):
    """A Python of this version that the account can run: this one may lie in a closed folder."""
    name = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            subprocess.run([candidate, "-V"], user=uid, group=gid, extra_groups=[], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip(f"no {name} that other accounts can run")
