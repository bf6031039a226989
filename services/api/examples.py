"""Examples in the API's description."""

from typing import Any

GROUP = "0197b1f2-8f3e-7c1a-9a56-2f1f6f0f6b10"
BODIES: dict[str, Any] = {
    "create_login_link": {"user": "admin"},
    "create_token": {"name": "grafana", "role": "viewer", "expires_at": "2027-01-31T00:00:00Z"},
    "create_user": {"name": "jana", "role": "operator", "password": "correct horse battery staple"},
    "patch_user": {"role": "admin"},
    "create_repository": {"name": "offsite", "url": "rest:https://backup.example.org/web", "password": "a secret"},
    "patch_repository": {"url": "rest:https://backup2.example.org/web"},
    "create_host": {
        "name": "web-01",
        "labels": {"site": "berlin"},
        "repository": {"url": "rest:https://backup.example.org/web-01", "password": "a secret"},
    },
    "patch_host": {"offline_after_seconds": None},
    "create_source_group": {
        "name": "mail",
        "paths": ["/var/vmail"],
        "excludes": ["*.tmp"],
        "retention": {"keep_daily": 7, "keep_weekly": 5},
    },
    "patch_source_group": {"paths": ["/var/vmail", "/etc/postfix"]},
    "create_schedule": {"kind": "backup", "cron": "30 2 * * *", "timezone": "Europe/Berlin"},
    "patch_schedule": {"enabled": False},
    "create_job": {"kind": "backup", "source_group_id": GROUP},
    "report_jobs": {
        "reports": [
            {
                "id": "0197b1f2-8f3e-7c1a-9a56-2f1f6f0f6b11",
                "host": "db-02",
                "kind": "backup",
                "source_group": "postgres",
                "status": "failed",
                "error_class": "no_space",
                "message": "No space left on device",
            }
        ]
    },
    "acknowledge_alert": {"note": "on it"},
    "resolve_alert": {"note": "disk replaced"},
    "acknowledge_alerts": {"ids": [GROUP], "note": "on it"},
    "resolve_alerts": {"ids": [GROUP]},
    "fake_alert": {"host": "web-01", "message": "a drill"},
    "create_channel": {
        "name": "ops",
        "kind": "webhook",
        "config": {"url": "https://hooks.example.org/keepwatch"},
        "filter": {"min_severity": "warning"},
        "at_most_once": False,
    },
    "patch_channel": {"enabled": False},
}
PROBLEM = {
    "type": "about:blank",
    "title": "Invalid request",
    "status": 422,
    "detail": "must be an absolute path",
    "errors": [{"pointer": "/paths/0", "detail": "must be an absolute path"}],
}
