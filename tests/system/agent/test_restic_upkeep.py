"""forget, prune, check and locks, by every restic that is installed."""

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from shared.vocabulary import ErrorClass, JobKind, TerminalStatus


@contextlib.contextmanager
def paused(world, *arguments):
    """A real restic that is stopped as soon as it holds its lock; needs no luck with a file's age or its maker."""
    env = os.environ | {"RESTIC_PASSWORD": world.repository.password, "RESTIC_REPOSITORY": world.repository.url}
    locks = Path(world.repository.url) / "locks"
    with subprocess.Popen([world.program, f"--cache-dir={world.root}/p", *arguments], env=env) as process:
        while not any("-tmp-" not in path.name for path in locks.iterdir()):
            assert process.poll() is None, "restic ended before it was seen to hold a lock"
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.kill()


async def test_a_locked_repository(world):
    world = world.backed_up()

    with paused(world, "check"):
        finished = await world.run()

    assert (finished.status, finished.error_class) == (TerminalStatus.FAILED, ErrorClass.LOCKED)
    assert "already locked" in finished.message


@pytest.mark.parametrize("kind", [JobKind.FORGET, JobKind.PRUNE, JobKind.CHECK])
async def test_upkeep_of_a_repository_that_another_host_backs_up_into_is_locked(newest, kind):
    world = newest.backed_up()

    with paused(world, "backup", "/usr/share/doc"):
        finished = await world.run(kind, {world.group.id: {"keep_last": 1}})

    assert (finished.status, finished.error_class) == (TerminalStatus.FAILED, ErrorClass.LOCKED)


async def test_forget_keeps_to_its_groups(world):
    """Snapshots of other groups, of other hosts, and those that people made, are none of its business."""
    path, other = world.source("mail"), uuid4()
    world = world.backed_up()
    ours, others = f"--tag=keepwatch-{world.group.id}", f"--tag=keepwatch-{other}"
    world.restic("backup", "--host=web-01", ours, path)
    for options in (["--host=web-01", others], ["--host=web-02", ours], ["--host=web-01"]):
        for _ in range(2):
            world.restic("backup", *options, path)

    finished = await world.run(JobKind.FORGET, {world.group.id: {"keep_last": 1}})

    assert finished.status is TerminalStatus.SUCCEEDED, finished.message
    assert finished.summary == {"groups": [{"source_group_id": str(world.group.id), "kept": 1, "removed": 1}]}
    left = Counter((snapshot["hostname"], *(snapshot.get("tags") or [])) for snapshot in world.snapshots())
    tag = f"keepwatch-{world.group.id}"
    assert left == {("web-01", tag): 1, ("web-01", f"keepwatch-{other}"): 2, ("web-02", tag): 2, ("web-01",): 2}


async def test_forget_by_time_of_several_groups(newest):
    world = newest.backed_up()

    retention = {"keep_within": "1y6m", "keep_daily": 7}
    finished = await world.run(JobKind.FORGET, {world.group.id: retention, uuid4(): {"keep_last": 3}})

    assert finished.status is TerminalStatus.SUCCEEDED, finished.message
    assert [group["kept"] for group in finished.summary["groups"]] == [1, 0]


async def test_upkeep_of_a_sound_repository_succeeds(world):
    world = world.backed_up()

    for kind in (JobKind.PRUNE, JobKind.CHECK):
        finished = await world.run(kind)
        assert (finished.status, finished.exit_code) == (TerminalStatus.SUCCEEDED, 0), finished.message


async def test_a_damaged_repository_fails_its_check_and_says_what_is_wrong(world):
    world = world.backed_up()
    for pack in world.packs():
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size - 1)

    finished = await world.run(JobKind.CHECK)

    assert (finished.status, finished.error_class) == (TerminalStatus.FAILED, ErrorClass.OTHER)
    assert "repository contains errors" in finished.message
    assert "pack" in finished.message


async def test_upkeep_never_creates_what_is_gone(newest):
    finished = await newest.with_repository(restic_id="0" * 64).run(JobKind.PRUNE)

    assert finished.error_class is ErrorClass.REPO_MISSING
    assert not newest.has_repository()
