"""The whole system on this machine: started, used, hurt, stopped."""

import os
import signal
import time
from pathlib import Path
from urllib.error import URLError

import pytest


@pytest.fixture(scope="module")
def up(start):
    system = start()
    system.url = system.ready()
    return system


def test_it_says_where_it_is_and_how_to_sign_in(up):
    assert up.url == f"http://127.0.0.1:{up.port}"
    assert up.api("/readyz")
    text = "\n".join(up.said)
    assert (up.folder / "secrets" / "admin-password").read_text().strip() in text
    assert f"{up.url}/login" in text


def test_the_client_works_in_the_next_terminal(up):
    outcome = up.run("hosts", "list", "--json")

    assert outcome.returncode == 0, outcome.stderr
    assert (up.config / "keepwatch" / "profile.json").stat().st_mode & 0o777 == 0o600


def test_a_second_one_on_the_same_folder_is_one_sentence(up):
    outcome = up.run("up", "--data-dir", str(up.folder))

    assert outcome.returncode == 1
    assert "already runs on" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_no_secret_is_in_a_command_line_or_an_environment(up):
    secrets = [file.read_text().strip().encode() for file in (up.folder / "secrets").iterdir()]
    secrets += [(up.folder / server / "password").read_bytes().strip() for server in ("postgres", "nats")]

    for pid, _ in up.processes():
        shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(secret in shown for secret in secrets)


def test_jobs_and_alerts_give_way_where_the_cpus_are_busy(up):
    def niceness(name):
        [process] = running(up, name)
        return os.getpriority(os.PRIO_PROCESS, process)

    behind = min(niceness("serve jobs"), niceness("serve alerts"))
    assert behind > max(niceness(name) for name in ("serve notifier", "serve api", "postgres -D", "nats-server"))


@pytest.mark.parametrize("name", ["postgres -D", "nats-server", "serve jobs", "serve api"])
def test_a_killed_process_is_started_again(up, name):
    [victim] = running(up, name)
    os.kill(victim, signal.SIGKILL)

    eventually(lambda: set(running(up, name)) - {victim} and answers(up, "/readyz") and answers(up, "/api/v1/jobs"))


def test_everything_stops_in_order_and_its_state_survives(start):
    first = start(KEEPWATCH_ADMIN_TOKEN="kw_of_the_first_start")
    first.ready()
    made = first.api("/api/v1/hosts", "POST", {"name": "web-01"})
    processes = first.processes()

    assert first.end(signal.SIGTERM) == 0
    assert not first.alive(processes)

    second = start(folder=first.folder)
    second.ready()
    assert second.api(f"/api/v1/hosts/{made['id']}")["name"] == "web-01"
    assert second.end(signal.SIGINT) == 0


def test_nothing_survives_a_killed_supervisor_and_the_next_one_starts(start):
    killed = start("--demo")
    killed.line("✓ agent-web-01")
    processes = killed.processes()
    killed.end(signal.SIGKILL)
    eventually(lambda: not killed.alive(processes), seconds=10)

    following = start(folder=killed.folder)
    following.ready()
    assert following.end(signal.SIGTERM) == 0


def test_a_stop_while_it_starts_is_a_stop(start):
    early = start()
    early.line("Starting NATS")
    processes = early.processes()

    assert early.end(signal.SIGINT) == 0
    assert not early.alive(processes)


def running(up, name):
    return [pid for pid, _ in up.processes() if name in arguments(pid)]


def arguments(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def answers(up, path):
    try:
        return up.api(path) is not None
    except (URLError, OSError):
        return False


def eventually(fact, seconds=60):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
