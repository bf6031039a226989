"""Things as the API shows them, with every field of the contract."""

from typing import Any

AT = "2026-01-02T03:04:05Z"


def identity(end: str) -> str:
    """Ids made in the same millisecond: they differ at their end only."""
    return f"019b0000-0000-7000-8000-{end:0>12}"


def host(name: str = "web-01", end: str = "a1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "name": name,
        "labels": {"site": "berlin"},
        "status": "online",
        "last_seen_at": AT,
        "agent_version": "0.1.0",
        "restic_version": "0.18.0",
        "os": "Linux",
        "repository": {"id": identity("0e"), "name": "web-01", "url": "/srv/restic"},
        "offline_after_seconds": 600,
        "open_alerts": 1,
        "created_at": AT,
        **fields,
    }


def group(name: str = "mail", end: str = "b1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "host_id": identity("a1"),
        "name": name,
        "paths": [f"/srv/{name}"],
        "excludes": [],
        "engine": "restic",
        "command": None,
        "retention": None,
        "last_success_at": AT,
        "last_job": None,
        "created_at": AT,
        **fields,
    }


def job(status: str = "queued", end: str = "c1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "host_id": identity("a1"),
        "host_name": "web-01",
        "kind": "backup",
        "source_group_id": identity("b1"),
        "source_group_name": "mail",
        "repository_id": identity("0e"),
        "status": status,
        "trigger": "manual",
        "created_at": AT,
        "started_at": None,
        "finished_at": None,
        "exit_code": None,
        "error_class": None,
        "message": None,
        "summary": None,
        "progress": None,
        "evidence": None,
        **fields,
    }


def alert(end: str = "d1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "version": 1,
        "host_id": identity("a1"),
        "host_name": "web-01",
        "host_labels": {},
        "kind": "backup_failed",
        "dedup_key": identity("b1"),
        "source_group_id": identity("b1"),
        "source_group_name": "mail",
        "severity": "warning",
        "title": "web-01 / mail: backup failed, repository locked",
        "message": "unable to create lock",
        "hint": "Another restic works on it.",
        "error_class": "locked",
        "state": "open",
        "occurrences": 3,
        "first_seen_at": AT,
        "last_seen_at": AT,
        "last_success_at": None,
        "acked_at": None,
        "acked_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "note": None,
        "resolution": None,
        "raised_job_id": identity("c1"),
        "resolved_job_id": None,
        "url": "http://127.0.0.1/alerts/1",
        **fields,
    }


def channel(name: str = "ops", end: str = "e1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "name": name,
        "kind": "webhook",
        "config": {"url": "https://***"},
        "enabled": True,
        "events": ["raised", "acked", "resolved"],
        "filter": {"min_severity": "warning", "kinds": None, "host_labels": None},
        "disabled_reason": None,
        "created_at": AT,
        **fields,
    }


def delivery(end: str = "f1", **fields: Any) -> dict[str, Any]:
    return {
        "id": identity(end),
        "channel_id": identity("e1"),
        "channel_name": "ops",
        "alert_id": identity("d1"),
        "event": "raised",
        "state": "dead",
        "attempts": 2,
        "next_attempt_at": None,
        "last_error": "503 Service Unavailable",
        "delivered_at": None,
        "created_at": AT,
        **fields,
    }
