"""What must have arrived, compared with what did."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import asyncpg

from tests.faults.load import Clients, Key
from tests.faults.receiver import GONE_AFTER, Call, Listener, Manner, first_arrivals

SETTLE_SECONDS = 150
QUIET_SECONDS = 3.0
Told = tuple[str, str, str | None]
"""The event of a delivery, the host and the group."""
GIVEN_UP = """
    SELECT alert_id::text, version FROM notifier.delivery
    WHERE channel_id = $1::text::uuid AND state = 'dead' AND last_error LIKE 'nobody knows whether it arrived%'"""
EXPLAINED = """
    SELECT alert_id::text, version FROM notifier.decision
    WHERE channel_id = $1::text::uuid AND (withheld_by = 'disabled' OR reason LIKE 'the raise was withheld%')
    UNION
    SELECT alert_id::text, version FROM notifier.delivery
    WHERE channel_id = $1::text::uuid AND state = 'dead'
      AND (last_error = 'the receiver answered 410' OR last_error LIKE 'channel disabled%')"""
AT_REST = {
    "events of jobs not in the stream": "SELECT count(*) FROM jobs.outbox WHERE published_at IS NULL",
    "events of alerts not in the stream": "SELECT count(*) FROM alerts.alert_event WHERE published_at IS NULL",
    "deliveries not made": "SELECT count(*) FROM notifier.delivery WHERE state IN ('pending', 'failed')",
    "events not fanned out": "SELECT count(*) FROM notifier.event WHERE fanned_out_at IS NULL",
    "dead letters of alerts": "SELECT count(*) FROM alerts.dead_letter",
    "dead letters of notifier": "SELECT count(*) FROM notifier.dead_letter",
    "channels disabled that nobody was told of": "SELECT count(*) FROM notifier.own_trouble WHERE told_at IS NULL",
    "versions with a gap": """
        SELECT count(*) FROM (
            SELECT alert_id FROM alerts.alert_event GROUP BY alert_id HAVING max(version) <> count(*)
        ) AS torn""",
    "keys with two open alerts": """
        SELECT count(*) FROM (
            SELECT FROM alerts.alert WHERE resolved_at IS NULL GROUP BY host_id, kind, dedup_key HAVING count(*) > 1
        ) AS doubled""",
}


@dataclass
class Verdict:
    """What a run came to; `wrong` is empty when every promise was kept."""

    name: str
    seed: int
    reports: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    alerts: int = 0
    expected: int = 0
    arrived: int = 0
    repeats: int = 0
    second_ids: int = 0
    out_of_order: int = 0
    lost: int = 0
    given_up: int = 0
    """Deliveries ended by `at_most_once`, which say that nobody knows whether they arrived."""
    settle_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """One block for people."""
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())) or "none"
        return (
            f"{self.name} (--seed {self.seed}): reports {self.reports}, alerts {self.alerts}, "
            f"deliveries expected {self.expected}, arrived {self.arrived}, raw repeats {self.repeats}, "
            f"deliveries with a second webhook-id {self.second_ids}, out of order {self.out_of_order}, "
            f"lost {self.lost}, given up by at_most_once {self.given_up}, "
            f"at rest after {self.settle_seconds:.0f} s; faults: {faults}"
        )


async def judge(
    verdict: Verdict, clients: Clients, keys: list[Key], listeners: list[Listener], database: asyncpg.Connection
) -> Verdict:
    """Wait until everything has arrived, or nothing more comes; then count."""
    begun, unrest = time.monotonic(), {}
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            found = [await clients.settled(key) for key in keys]
            # By now nothing is on its way to alerts any more: what hasty keys have come to is final.
            while unrest := await _unrest(database):
                await asyncio.sleep(0.2)
            found = [await clients.settled(key) for key in keys]
            wanted = await _wanted(clients, keys, found)
            while any([await _missing(listener, wanted, database) for listener in listeners]):
                await asyncio.sleep(0.2)
    except TimeoutError:
        verdict.wrong.append(f"not at rest after {SETTLE_SECONDS} s: {unrest or await _unrest(database)}")
        found = [await clients.alerts(key) for key in keys]
        _blame(verdict, keys, found)
        wanted = await _wanted(clients, keys, found)
    verdict.settle_seconds = time.monotonic() - begun
    await asyncio.sleep(QUIET_SECONDS)  # for what should not come
    verdict.reports = clients.reports
    verdict.alerts = sum(map(len, found))
    for listener in listeners:
        missing = await _missing(listener, wanted, database)
        _count(verdict, listener, wanted, missing, {key.host for key in keys})
        await _CHECKS.get(listener.manner, _nothing_more)(verdict, listener, clients, database)
    return verdict


async def _missing(listener: Listener, wanted: dict[tuple[str, int], Told], database: asyncpg.Connection) -> set:
    """What should have arrived and did not, with no reason that is good enough for such a receiver."""
    missing = wanted.keys() - {(call.alert_id, call.version) for call in listener.calls}
    if missing and (excuses := _EXCUSES.get(listener.manner)):
        rows = await database.fetch(excuses, listener.channel_id)
        missing -= {(row["alert_id"], row["version"]) for row in rows}
    return missing


async def _nothing_more(*_: object) -> None:
    pass


async def _never_again(verdict: Verdict, listener: Listener, _: Clients, database: asyncpg.Connection) -> None:
    """What it has taken it is not told again."""
    verdict.given_up += len(await database.fetch(GIVEN_UP, listener.channel_id))
    taken: set[str] = set()
    for call in listener.calls:
        if call.webhook_id in taken:
            verdict.wrong.append(f"channel {listener.name}: told again: {call}")
        if call.taken:
            taken.add(call.webhook_id)


async def _disabled(verdict: Verdict, listener: Listener, clients: Clients, _: asyncpg.Connection) -> None:
    """Who said 410 is disabled, and people were told."""
    if len(listener.calls) <= GONE_AFTER:
        return  # it was never asked so often
    _, channel = await clients.call("GET", f"/channels/{listener.channel_id}")
    if channel["enabled"]:
        verdict.wrong.append(f"channel {listener.name} said 410 and is enabled")
    _, page = await clients.call("GET", "/alerts", kind="channel_disabled", limit=200)
    alerts = [alert for alert in page["items"] if listener.name in alert["title"] and alert["state"] != "resolved"]
    if len(alerts) != 1:
        verdict.wrong.append(f"channel {listener.name} said 410 and has {len(alerts)} open alerts")


_EXCUSES = {Manner.ONCE: GIVEN_UP, Manner.GONE: EXPLAINED}
_CHECKS = {Manner.ONCE: _never_again, Manner.GONE: _disabled}


async def _wanted(clients: Clients, keys: list[Key], found: list[list[dict]]) -> dict[tuple[str, int], Told]:
    """The event of each version of each alert, which every channel must have been told."""
    for key, alerts in zip(keys, found, strict=True):
        if key.hasty:
            await clients.learn(key, alerts)
    return {
        (alert["id"], number): (event, key.host, key.group)
        for key, alerts in zip(keys, found, strict=True)
        for expected, alert in zip(key.alerts, alerts, strict=False)
        for number, event in enumerate(expected.events, start=1)
    }


def _told(call: Call) -> Told:
    return call.event, call.host, call.group


async def _unrest(database: asyncpg.Connection) -> dict[str, int]:
    counts = {name: await database.fetchval(statement) for name, statement in AT_REST.items()}
    return {name: count for name, count in counts.items() if count}


def _blame(verdict: Verdict, keys: list[Key], found: list[list[dict]]) -> None:
    for key, alerts in zip(keys, found, strict=True):
        wanted = [(expected.state, expected.occurrences, len(expected.events)) for expected in key.alerts]
        told = [(alert["state"], alert["occurrences"], alert["version"]) for alert in alerts]
        if not key.matches(alerts):
            verdict.wrong.append(f"{key.host} / {key.group}: wanted {wanted}, found {told}")


def _count(
    verdict: Verdict, listener: Listener, wanted: dict[tuple[str, int], Told], lost: set, hosts: set[str]
) -> None:
    # Whatever is said of these hosts, also under alerts that nobody knows.
    calls = [call for call in listener.calls if call.host in hosts]
    firsts = [call for each in first_arrivals(calls).values() for call in each]
    arrived = {(call.alert_id, call.version) for call in firsts}
    if listener.manner in {Manner.STEADY, Manner.MOODY}:
        verdict.expected += len(wanted)
        verdict.arrived += len(arrived)
    verdict.repeats += len(calls) - len(firsts)
    second = len(firsts) - len(arrived)
    disordered = [alert for alert, each in first_arrivals(calls).items() if not _in_order(each)]
    verdict.second_ids += second
    verdict.lost += len(lost)
    verdict.out_of_order += len(disordered)
    about = f"channel {listener.name}"
    if second:
        verdict.wrong.append(f"{about}: {second} deliveries came under a second webhook-id")
    if lost:
        verdict.wrong.append(f"{about}: {len(lost)} lost, such as {sorted(lost)[:3]}")
    if disordered:
        verdict.wrong.append(f"{about}: out of order: {disordered[:3]}")
    if strange := [call for call in firsts if wanted.get((call.alert_id, call.version)) != _told(call)]:
        verdict.wrong.append(f"{about}: {len(strange)} that nobody expected, such as {strange[:2]}")
    if listener.forged:
        verdict.wrong.append(f"{about}: {listener.forged} with a wrong signature")


def _in_order(calls: list[Call]) -> bool:
    versions = [call.version for call in calls]
    return versions == sorted(versions)
