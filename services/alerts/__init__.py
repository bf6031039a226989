"""Alerts: exactly one open alert per (host, kind, dedup_key), and its history.

Consumes: job.finished, host.offline, host.online, host.deleted, source_group.deleted
Publishes: alert.raised, alert.acked, alert.resolved
Answers: ask.alerts.>
Owns: schema alerts
"""
