"""`keepwatch up --demo`: what a newcomer sees in the first minute."""

import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

FIRST_MINUTE = 60
needs_restic = pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")


@pytest.fixture(scope="module")
def demo(start):
    system = start("--demo")
    system.ready()
    system.began = time.monotonic()
    return system


def within_the_first_minute(demo, fact):
    while not (found := fact()):
        assert time.monotonic() - demo.began < FIRST_MINUTE, "it did not come true within the first minute"
        time.sleep(0.2)
    return found


def open_alerts(demo):
    return demo.api("/api/v1/alerts?state=unresolved")["items"]


def test_three_hosts_are_online(demo):
    def online():
        hosts = demo.api("/api/v1/hosts?status=online")["items"]
        return [host["name"] for host in hosts] if len(hosts) == 3 else []

    assert within_the_first_minute(demo, online) == ["db-01", "nas-01", "web-01"]


def test_two_groups_of_one_host_are_two_different_alerts(demo):
    def both():
        found = open_alerts(demo)
        return found if len(found) >= 2 else []

    first, second = within_the_first_minute(demo, both)
    assert first["host_name"] == second["host_name"] == "web-01"
    assert {first["source_group_name"], second["source_group_name"]} == {"mail", "databases"}
    assert first["title"] != second["title"]
    assert first["hint"] != second["hint"]


@needs_restic
def test_the_healthy_groups_have_real_snapshots(demo):
    def all_saved():
        jobs = demo.api("/api/v1/jobs?status=succeeded")["items"]
        return len([job for job in jobs if job["trigger"] != "report"]) >= 4

    within_the_first_minute(demo, all_saved)
    for host, snapshots in {"web-01": 1, "db-01": 2, "nas-01": 1}.items():
        files = demo.folder / "demo" / "repositories" / host / "snapshots"
        assert len(list(files.iterdir())) == snapshots


def test_the_pasted_lines_show_a_recovery_a_repeat_and_an_acknowledgement(demo):
    """Whoever pastes sees what is said above each line, and every line succeeds."""
    demo.line("What is open now")
    demo.line("")
    recovery, repeat, acknowledgement, listing = (line.strip() for line in demo.said[-8:] if line.startswith("    "))

    paste(demo, recovery)
    eventually(lambda: [alert["source_group_name"] for alert in open_alerts(demo)] == ["databases"])
    paste(demo, repeat)
    eventually(lambda: [alert["occurrences"] for alert in open_alerts(demo)] == [2])
    paste(demo, acknowledgement)
    assert "acked" in paste(demo, listing)
    assert [alert["state"] for alert in open_alerts(demo)] == ["acked"]
    eventually(lambda: delivered(demo) == {("raised", 2), ("resolved", 1), ("acked", 1)})


def test_a_month_of_history_is_marked_and_nobody_was_told_of_it(demo):
    past = [job for job in all_jobs(demo) if job["trigger"] == "report"]

    assert all(job["summary"]["demo"] for job in past)
    assert {job["status"] for job in past} == {"succeeded", "warning", "failed"}
    assert len({job["created_at"][:10] for job in past}) == 30
    assert all(job["evidence"] is None for job in past)
    alerts = {item["alert_id"] for item in demo.api("/api/v1/deliveries")["items"]}
    assert len(alerts) == 2, "the two groups that are broken now"


def test_a_second_start_reuses_the_demo_and_backs_up_nothing_anew(start):
    def made(system):
        found = {path: system.api(f"/api/v1/{path}")["items"] for path in ("hosts", "channels")}
        return {path: [item["id"] for item in items] for path, items in {**found, "jobs": all_jobs(system)}.items()}

    first = start("--demo")
    first.line("What is open now")
    before = made(first)
    assert first.end(signal.SIGTERM) == 0
    again = start("--demo", folder=first.folder)
    again.line("What is open now")

    assert made(again) == before
    assert [len(before[path]) for path in ("hosts", "channels")] == [3, 1]


def all_jobs(demo):
    found, query = [], "limit=200"
    while query:
        page = demo.api(f"/api/v1/jobs?{query}")
        found += page["items"]
        query = page["next_cursor"] and f"limit=200&cursor={page['next_cursor']}"
    return found


def paste(demo, line):
    command = line.replace("uv run keepwatch", shlex.join([sys.executable, "-m", "cli.main"]))
    outcome = subprocess.run(command, shell=True, env=demo.environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def delivered(demo):
    events = [item["event"] for item in demo.api("/api/v1/deliveries?state=delivered")["items"]]
    return {(event, events.count(event)) for event in events}


def eventually(fact, seconds=30):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)
