"""Writes dashboard.json, what Grafana imports: `python deploy/observability/make_dashboard.py`."""

import json
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT, PER_ROW = 8, 7, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}
PANELS = [
    ("Unresolved alerts", "short", [("sum by (kind) (max by (kind, state) (keepwatch_alerts))", "{{kind}}")]),
    ("Reports a second", "ops", [("sum by (status) (rate(keepwatch_reports_total[5m]))", "{{status}}")]),
    ("Agents connected", "short", [("sum(keepwatch_agents_connected)", "agents")]),
    (
        "Events published a second",
        "ops",
        [("sum by (subject) (rate(keepwatch_events_published_total[5m]))", "{{subject}}")],
    ),
    ("Events that wait", "short", [("max by (outbox) (keepwatch_outbox_depth)", "{{outbox}}")]),
    ("Age of the oldest that waits", "s", [("max by (outbox) (keepwatch_outbox_oldest_seconds)", "{{outbox}}")]),
    ("Consumers' lag", "short", [("max by (consumer) (keepwatch_consumer_lag)", "{{consumer}}")]),
    (
        "Messages handled a second",
        "ops",
        [("sum by (consumer) (rate(keepwatch_messages_handled_total[5m]))", "{{consumer}}")],
    ),
    (
        "Evidence: transitions and mere counts a second",
        "ops",
        [
            ("sum(rate(keepwatch_alert_transitions_total[5m]))", "transitions"),
            ("sum(rate(keepwatch_alert_touches_total[5m]))", "touches"),
            ("sum by (news) (rate(keepwatch_evidence_total[5m]))", "{{news}}"),
        ],
    ),
    (
        "Tries to deliver a second",
        "ops",
        [("sum by (kind, outcome) (rate(keepwatch_delivery_tries_total[5m]))", "{{kind}} {{outcome}}")],
    ),
    ("Deliveries that wait", "short", [("max by (kind, state) (keepwatch_deliveries_waiting)", "{{kind}} {{state}}")]),
    (
        "From event to arrival",
        "s",
        [
            (f"histogram_quantile({q}, sum by (le) (rate(keepwatch_event_to_arrival_seconds_bucket[5m])))", f"p{q}")
            for q in (0.5, 0.99)
        ],
    ),
    (
        "Requests: 99th percentile",
        "s",
        [
            (
                "histogram_quantile(0.99, sum by (le, route) (rate(keepwatch_http_request_seconds_bucket[5m])))",
                "{{route}}",
            )
        ],
    ),
    ("Event loop lag", "s", [("max by (job) (keepwatch_event_loop_lag_seconds)", "{{job}}")]),
    ("Waiting for the database", "s", [("max by (job) (keepwatch_pool_wait_seconds)", "{{job}}")]),
    (
        "Oldest backups",
        "s",
        [("topk(10, time() - keepwatch_backup_last_success_timestamp_seconds)", "{{host}} / {{source_group}}")],
    ),
    ("Dead letters", "short", [("sum by (consumer) (keepwatch_dead_letters_total)", "{{consumer}}")]),
    ("Hosts that are not connected", "short", [("count(keepwatch_host_online == 0) or vector(0)", "hosts")]),
]


def panel(place: int, title: str, unit: str, queries: list[tuple[str, str]]) -> dict[str, object]:
    """One chart, at its place in rows of three."""
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": place % PER_ROW * WIDTH, "y": place // PER_ROW * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "expr": expression, "legendFormat": legend, "datasource": SOURCE}
            for n, (expression, legend) in enumerate(queries)
        ],
    }


def dashboard() -> dict[str, object]:
    """The whole of it."""
    return {
        "uid": "keepwatch",
        "title": "Keepwatch",
        "tags": ["keepwatch", "backup"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}],
        },
        "panels": [panel(place, *about) for place, about in enumerate(PANELS)],
    }


if __name__ == "__main__":
    (HERE / "dashboard.json").write_text(json.dumps(dashboard(), indent=1) + "\n")
