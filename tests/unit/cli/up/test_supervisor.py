"""Children are real processes here; what they did is read from a file that they append to."""

import asyncio
import os
import sys
from signal import SIGKILL

import pytest

from cli.embedded.launch import Launch
from cli.up.child import Child, StartError
from cli.up.supervisor import Supervisor

DIARY = """
import pathlib, signal, sys, time
diary, name, manners = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def note(what):
    with diary.open("a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if manners == "stubborn" else end)
note("runs")
if manners == "broken":
    sys.exit("there is no database")
signal.pause()
signal.pause()
"""


@pytest.fixture
def diary(tmp_path):
    path = tmp_path / "diary"
    path.touch()
    return path


@pytest.fixture
def notices():
    return []


@pytest.fixture
def child(tmp_path, diary, notices):
    def make(name, manners="polite", patience=30.0):
        launch = Launch([sys.executable, "-c", DIARY, str(diary), name, manners], {})

        async def ready(pid):
            return f"{name} runs" in diary.read_text()

        return Child(name, lambda: launch, ready, tmp_path / f"{name}.log", notices.append, patience=patience)

    return make


async def test_children_stop_in_reverse_order(child, diary):
    async with Supervisor() as supervisor:
        for name in ("postgres", "nats", "api"):
            await supervisor.start(child(name), ready=lambda _: None)

    ended = [line.split()[0] for line in diary.read_text().splitlines() if line.endswith("ends")]
    assert ended == ["api", "nats", "postgres"]


async def test_a_killed_child_is_started_again(child, diary, notices):
    async with Supervisor() as supervisor:
        jobs = child("jobs")
        await supervisor.start(jobs, ready=lambda _: None)
        os.kill(jobs._process.pid, SIGKILL)
        await until(lambda: diary.read_text().count("jobs runs") == 2)

        await until(lambda: len(notices) == 2)

    assert "jobs ended (signal 9)" in notices[0]
    assert notices[1] == "jobs is back"


async def test_a_child_that_never_serves_is_given_up_with_its_last_words(child, diary):
    async with Supervisor() as supervisor:
        broken = child("jobs", "broken")
        broken.ready = never
        with pytest.raises(StartError, match="jobs does not start: there is no database"):
            await supervisor.start(broken, ready=lambda _: None)

    assert diary.read_text().count("jobs runs") == 3


async def test_a_child_that_does_not_stop_is_ended_by_force(child, notices):
    stubborn = child("notifier", "stubborn", patience=0.2)
    async with Supervisor() as supervisor:
        await supervisor.start(stubborn, ready=lambda _: None)

    assert stubborn._process.returncode == -SIGKILL
    assert "by force" in notices[0]


async def test_a_stop_while_a_child_waits_to_be_started_again_leaves_nothing(child, diary):
    async with Supervisor() as supervisor:
        jobs = child("jobs")
        await supervisor.start(jobs, ready=lambda _: None)
        os.kill(jobs._process.pid, SIGKILL)
        await jobs._process.wait()

    assert jobs._process.returncode == -SIGKILL
    assert diary.read_text().count("jobs runs") == 1


async def never(pid):
    return False


async def until(fact):
    while not fact():
        await asyncio.sleep(0.02)
