"""A seeded random load: for each key somebody who reports, acknowledges and resolves, and knows what must follow.

What must follow is written down from the contract alone: a failure raises when nothing is open and counts when
something is; a success resolves; a click acknowledges or resolves once; a report that is sent again has no effect.

News that comes in another order than it happened changes nothing any more: a failure that arrives after its group's
next success is only history. So a patient reporter waits until one thing shows before the opposite happens, and every
transition is known beforehand; a hasty one does not, and only how it ends is.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

LOOK_SECONDS = 0.3
AGAIN_SECONDS = 0.2
NOT_NOW = {500, 502, 503, 504}
"""500 is among them for a gateway that is being killed; what stays wrong shows in the end."""
ACTIONS = {"fail": 50, "succeed": 28, "ack": 12, "resolve": 10}


@dataclass
class Expected:
    """One alert that must be there at the end."""

    occurrences: int = 1
    events: list[str] = field(default_factory=lambda: ["raised"])

    @property
    def state(self) -> str:
        """How it stands."""
        return {"raised": "open", "acked": "acked", "resolved": "resolved"}[self.events[-1]]

    def matches(self, alert: dict[str, Any]) -> bool:
        """Whether this is the alert as the API tells it."""
        told = (alert["state"], alert["occurrences"], alert["version"])
        return told == (self.state, self.occurrences, len(self.events))


@dataclass
class Key:
    """A source group of a host, and the alerts that it must have had, the newest last."""

    host: str
    group: str
    hasty: bool = False
    alerts: list[Expected] = field(default_factory=list)
    host_id: str | None = None

    @property
    def current(self) -> Expected | None:
        """The alert that is not resolved."""
        return self.alerts[-1] if self.alerts and self.alerts[-1].state != "resolved" else None

    def matches(self, found: list[dict[str, Any]]) -> bool:
        """Whether these are its alerts, the oldest first; of a hasty key only whether it ends as it must."""
        if self.hasty:
            return [alert["state"] for alert in found if alert["state"] != "resolved"] == ["open"] * bool(self.current)
        return len(found) == len(self.alerts) and all(
            expected.matches(alert) for expected, alert in zip(self.alerts, found, strict=True)
        )

    def failed(self) -> None:
        """What a failure does."""
        if self.current:
            self.current.occurrences += 1
        else:
            self.alerts.append(Expected())

    def succeeded(self) -> None:
        """What a success does."""
        if self.current:
            self.current.events.append("resolved")


class Clients:
    """Several clients of several gateways, which try again until they have an answer."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], token: str, rng: random.Random) -> None:
        self._session, self._urls, self._rng = session, urls, rng
        self._headers = {"Authorization": f"Bearer {token}"}
        self.reports = 0
        self.answers: Counter[str] = Counter()

    async def call(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """Status and body of the first answer that is not "not now"."""
        while True:
            try:
                url = f"{self._rng.choice(self._urls)}/api/v1{path}"
                async with self._session.request(
                    method, url, json=body, params=params, headers=self._headers
                ) as response:
                    found = await response.json(content_type=None) if response.status != 204 else None
                    if response.status not in NOT_NOW:
                        return response.status, found
                    self.answers[str(response.status)] += 1
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                self.answers[type(error).__name__] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    async def report(self, key: Key, status: str) -> None:
        """Report one job; now and then by three clients at once."""
        report = {"id": str(uuid4()), "host": key.host, "kind": "backup", "source_group": key.group, "status": status}
        times = 3 if self._rng.random() < 0.25 else 1
        for found, body in await asyncio.gather(
            *(self.call("POST", "/job-reports", report, create=1) for _ in range(times))
        ):
            assert found == 202, body
        self.reports += 1

    async def alerts(self, key: Key) -> list[dict[str, Any]]:
        """The alerts of a key, the oldest first."""
        if key.host_id is None:
            _, found = await self.call("GET", "/hosts", name=key.host)
            if not found["items"]:
                return []
            key.host_id = found["items"][0]["id"]
        found, cursor = [], {}
        while True:
            _, page = await self.call("GET", "/alerts", host_id=key.host_id, limit=200, **cursor)
            found += [alert for alert in page["items"] if alert["source_group_name"] == key.group]
            if not page["next_cursor"]:
                return sorted(found, key=lambda alert: alert["id"])
            cursor = {"cursor": page["next_cursor"]}

    async def settled(self, key: Key) -> list[dict[str, Any]]:
        """The alerts of a key, once they are what they must be."""
        while not key.matches(found := await self.alerts(key)):
            await asyncio.sleep(LOOK_SECONDS)
        return found

    async def learn(self, key: Key, found: list[dict[str, Any]]) -> None:
        """Take what a hasty key has come to for what it must have been: nobody can know it beforehand."""
        key.alerts = []
        for alert in found:
            _, whole = await self.call("GET", f"/alerts/{alert['id']}")
            key.alerts.append(Expected(whole["occurrences"], [entry["type"] for entry in whole["timeline"]]))


@dataclass
class Load:
    """All who report."""

    clients: Clients
    keys: list[Key]
    rng: random.Random
    pause: float = 0.5

    async def run(self, until: asyncio.Event) -> None:
        """Work until told to stop; what has been begun is finished."""
        await asyncio.gather(*(self._work(key, random.Random(self.rng.random()), until) for key in self.keys))

    async def _work(self, key: Key, rng: random.Random, until: asyncio.Event) -> None:
        while not until.is_set():
            (action,) = rng.choices(list(ACTIONS), list(ACTIONS.values()))
            await self._act(key, action)
            await asyncio.sleep(rng.uniform(0, self.pause))

    async def _act(self, key: Key, action: str) -> None:
        if action in {"fail", "succeed"}:
            if not key.hasty and (action == "fail") != (key.current is not None):
                await self.clients.settled(key)
            await self.clients.report(key, "failed" if action == "fail" else "succeeded")
            key.failed() if action == "fail" else key.succeeded()
            return
        if key.current is None or key.hasty:
            return
        # A person clicks on what they see, so what was reported before has arrived by then.
        *_, alert = await self.clients.settled(key)
        status, body = await self.clients.call("POST", f"/alerts/{alert['id']}/{action}", {"note": "seen"})
        assert status == 204, body
        event = {"ack": "acked", "resolve": "resolved"}[action]
        if event not in key.current.events:
            key.current.events.append(event)
