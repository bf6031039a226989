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
JOIN (SELECT source_group.*, host.name AS host, host.labels, row_number() OVER (ORDER BY source_group.id) AS place,
             count(*) OVER () AS groups
      FROM jobs.source_group JOIN jobs.host ON host.id = host_id) AS g ON g.place = 1 + n % g.groups
"""
RAISED = """
INSERT INTO alerts.alert_event (event_id, alert_id, version, type, at, payload, published_at, stream_seq)
SELECT gen_random_uuid(), id, 1, 'raised', first_seen_at, '{}', now(), 0 FROM alerts.alert
"""
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
        return {
            table: await connection.fetchval(f"SELECT pg_total_relation_size($1) / count(*) FROM {table}", table)
            for table in TABLES
        }
    finally:
        await connection.close()
