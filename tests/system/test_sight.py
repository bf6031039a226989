"""What a running system tells Prometheus, and that rules and dashboard ask for nothing else."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

MADE_OF = ("_bucket", "_total", "_count", "_sum")


def open_metrics(keepwatch) -> list[str]:
    """Where the processes that live tell of themselves: other tests of the same installation kill some for good."""
    return [f"http://127.0.0.1:{keepwatch.ports[name]}/metrics" for name in keepwatch.processes]


@pytest.fixture
def told(keepwatch, http, api):
    """The samples of every service, and those of the fleet."""

    async def look() -> dict[str, list]:
        addresses: dict[str, dict | None] = dict.fromkeys(open_metrics(keepwatch))
        addresses[f"{keepwatch.url}/api/v1/metrics"] = {"Authorization": f"Bearer {keepwatch.admin_token}"}
        found: dict[str, list] = {}
        for address, headers in addresses.items():
            async with http.get(address, headers=headers) as answer:
                assert answer.status == 200, address
                for family in text_string_to_metric_families(await answer.text()):
                    found.setdefault(family.name, []).extend(family.samples)
        return found

    return look


async def test_a_failure_leaves_its_traces(told, api, receiver, host_name):
    before = await told()
    await api.report(host_name, "mail", "failed")
    await api.until(lambda: _heard(receiver, host_name))
    await api.report(host_name, "mail", "failed")

    def sums(found, name, **labels):
        samples = [s for samples in found.values() for s in samples if s.name == name]
        return sum(s.value for s in samples if labels.items() <= s.labels.items())

    async def all_told():
        after = await told()
        return all(
            sums(after, name, **labels) >= sums(before, name, **labels) + 1
            for name, labels in (
                ("keepwatch_reports_total", {"kind": "backup", "status": "failed"}),
                ("keepwatch_events_published_total", {"subject": "job.finished"}),
                ("keepwatch_events_published_total", {"subject": "alert.raised"}),
                ("keepwatch_messages_handled_total", {"consumer": "alerts"}),
                ("keepwatch_messages_handled_total", {"consumer": "notifier"}),
                ("keepwatch_alert_transitions_total", {}),
                ("keepwatch_alert_touches_total", {}),
                ("keepwatch_delivery_tries_total", {"outcome": "delivered"}),
                ("keepwatch_event_to_arrival_seconds_count", {}),
            )
        )

    await api.until(all_told)


async def test_the_fleet_is_told_by_host_and_group_and_only_to_who_may_read_it(told, api, http, keepwatch, host_name):
    await api.report(host_name, "etc", "succeeded")
    await api.report(host_name, "mail", "failed")
    samples = [
        s for s in (await told())["keepwatch_backup_last_success_timestamp_seconds"] if s.labels["host"] == host_name
    ]

    assert [s.labels["source_group"] for s in samples] == ["etc"], "of what was never saved there is no sample"
    known = [
        s for s in (await told())["keepwatch_source_group_created_timestamp_seconds"] if s.labels["host"] == host_name
    ]
    assert {s.labels["source_group"] for s in known} == {"etc", "mail"}
    assert all(abs(s.value - time.time()) < 60 for s in known)
    async with http.get(f"{keepwatch.url}/api/v1/metrics") as answer:
        assert answer.status == 401


async def test_the_open_metrics_name_no_host(http, keepwatch, api, host_name):
    await api.report(host_name, "mail", "failed")
    for address in open_metrics(keepwatch):
        async with http.get(address) as answer:
            assert host_name not in await answer.text()


async def test_rules_and_dashboard_ask_for_what_there_is(told, api, host_name):
    await api.report(host_name, "etc", "succeeded")
    await api.report(host_name, "mail", "failed")

    async def all_there():
        found = await told()
        known = {name + ending for name in found for ending in ("", *MADE_OF)}
        return asked() <= known or False

    def asked() -> set[str]:
        texts = [Path(f"deploy/observability/{name}").read_text() for name in ("rules.yml", "dashboard.json")]
        return set(re.findall(r"keepwatch_\w+", " ".join(texts)))

    assert len(asked()) > 15
    await api.until(all_there, 40)


async def _heard(receiver, host_name: str) -> bool:
    return bool(receiver.heard(host_name))
