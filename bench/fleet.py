"""A fleet with a month behind it, written straight into the database."""

import asyncpg

HOSTS = """
INSERT INTO jobs.host (name, labels, last_seen_at, agent_version, restic_version)
SELECT 'host-' || lpad(n::text, 7, '0'),
       jsonb_build_object('site', 's' || n % 20, 'env', (ARRAY['prod', 'test'])[n % 2 + 1]),
       now() + interval '1 day', '0.1.0', '0.18.0'
FROM generate_series(1, $1::int) AS n
"""
GROUPS = """
INSERT INTO jobs.source_group (host_id, name, paths, last_success_at)
SELECT id, word, '{/srv}', now() - interval '1 hour' FROM jobs.host, unnest(ARRAY['etc', 'mail', 'databases']) AS word
"""
SCHEDULES = """
INSERT INTO jobs.schedule (host_id, kind, cron, timezone, enabled, next_run_at)
SELECT id, 'backup', '30 2 * * *', 'UTC', true, now() + interval '10 hours' FROM jobs.host
"""
JOBS = """
INSERT INTO jobs.job (host_id, kind, source_group_id, status, trigger, created_at, started_at, finished_at, summary)
SELECT host_id, 'backup', id,
       (ARRAY['succeeded', 'succeeded', 'succeeded', 'failed'])[1 + abs(hashtext(id::text || day)) % 4],
       'schedule', at, at, at + interval '1 minute',
       jsonb_build_object('total_bytes_processed', 3e9, 'snapshot_id', repeat('5', 64))
FROM generate_series(29, 0, -1) AS day, jobs.source_group, LATERAL (SELECT now() - make_interval(days => day) AS at)
"""
ALERTS = """
INSERT INTO alerts.alert (host_id, host_name, host_labels, kind, dedup_key, source_group_id, source_group_name,
                          severity, title, message, hint, error_class, first_seen_at, last_seen_at, acked_at,
                          resolved_at, resolution)
SELECT g.host_id, g.host, g.labels, 'backup_failed', g.id::text || '/' || n, g.id, g.name,
       (ARRAY['info', 'warning', 'warning', 'critical'])[1 + n % 4], g.host || ' / ' || g.name || ': backup failed',
       'Fatal: unable to create lock in backend: repository is already locked', 'Wait, or unlock it.', 'locked',
       now() - make_interval(secs => n * 7), now() - make_interval(secs => n), CASE WHEN n % 10 = 0 THEN now() END,
       CASE WHEN n > $2::int THEN now() END, CASE WHEN n > $2::int THEN 'auto' END
FROM generate_series(1, $1::int) AS n
JOIN (SELECT source_group.*, host.name AS host, host.labels, row_number() OVER (ORDER BY source_group.id) AS place
      FROM jobs.source_group JOIN jobs.host ON host.id = host_id) AS g
  ON g.place = 1 + n % (SELECT count(*) FROM jobs.source_group)
"""
RAISED = """
INSERT INTO alerts.alert_event (event_id, alert_id, version, type, at, payload, published_at, stream_seq)
SELECT gen_random_uuid(), id, 1, 'raised', first_seen_at, '{}', now(), 0 FROM alerts.alert
"""
RESOLVED = """
INSERT INTO alerts.alert_event (event_id, alert_id, version, type, at, payload, published_at, stream_seq)
SELECT gen_random_uuid(), id, 2, 'resolved', resolved_at, '{}', now(), 0 FROM alerts.alert WHERE resolved_at IS NOT NULL
"""
MARKS = """
INSERT INTO alerts.mark (host_id, kind, dedup_key, raised_at, cleared_at)
SELECT host_id, kind, dedup_key, first_seen_at, last_seen_at FROM alerts.alert ON CONFLICT DO NOTHING
"""
TOLD = """
WITH fan_out AS (
    INSERT INTO notifier.fan_out (alert_id, version) SELECT id, 1 FROM alerts.alert
)
INSERT INTO notifier.event (alert_id, version, event_id, type, payload, received_at, fanned_out_at)
SELECT id, 1, gen_random_uuid(), 'raised', '{"alert": {"title": "backup failed"}}', first_seen_at, first_seen_at
FROM alerts.alert
"""
DELIVERED = """
WITH delivery AS (
    INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, state, tries, delivered_at,
                                   created_at)
    SELECT alert_id, version, '11111111-1111-1111-1111-111111111111', 'of history', type, 'delivered', 1,
           received_at, received_at
    FROM notifier.event
    RETURNING id, created_at
)
INSERT INTO notifier.attempt (delivery_id, at, duration_ms, status, detail)
SELECT id, created_at, 5, 200, '' FROM delivery
"""
ROWS_A_HOST = 90
TABLES = ("jobs.host", "jobs.source_group", "jobs.schedule", "jobs.job", "alerts.alert", "alerts.alert_event")


async def fill(dsn: str, hosts: int, alerts: int, unresolved: int) -> dict[str, int]:
    """Write hosts with three groups, a month of nightly jobs, and so many alerts, some of them unresolved.

    Gives the bytes of a row of each table, its share of the indexes included.
    """
    connection = await asyncpg.connect(dsn, command_timeout=3600)
    try:
        await connection.execute(HOSTS, hosts)
        for statement in (GROUPS, SCHEDULES, JOBS):
            await connection.execute(statement)
        await connection.execute(ALERTS, alerts, unresolved)
        await connection.execute(RAISED)
        for table in TABLES:
            await connection.execute(f"VACUUM ANALYZE {table}")
        await connection.execute("CHECKPOINT")
        return {
            table: await connection.fetchval(f"SELECT pg_total_relation_size($1) / count(*) FROM {table}", table)
            for table in TABLES
        }
    finally:
        await connection.close()


async def fill_history(dsn: str, rows: int) -> None:
    """Write about so many rows of what is over: four tenths jobs, the rest alerts and what was told of them."""
    alerts = rows // 13
    connection = await asyncpg.connect(dsn, command_timeout=3600)
    try:
        await connection.execute(HOSTS, max(1, rows * 4 // 10 // ROWS_A_HOST))
        for statement in (GROUPS, JOBS):
            await connection.execute(statement)
        await connection.execute(ALERTS, alerts, 0)
        for statement in (RAISED, RESOLVED, MARKS, TOLD, DELIVERED):
            await connection.execute(statement)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
