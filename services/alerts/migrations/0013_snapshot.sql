-- depends: 0012_room
-- An event's text from a row of a known shape instead of from names and values: a third less time, a tenth fewer bytes.

CREATE TYPE alerts.snapshot AS (
    id uuid, version integer, host_id uuid, host_name text, host_labels jsonb, kind text, dedup_key text,
    source_group_id uuid, source_group_name text, severity text, title text, message text, hint text,
    error_class text, state text, occurrences integer, first_seen_at timestamptz, last_seen_at timestamptz,
    last_success_at timestamptz, acked_at timestamptz, acked_by text, resolved_at timestamptz, resolved_by text,
    note text, resolution text, raised_job_id uuid, resolved_job_id uuid
);

CREATE TYPE alerts.transition AS (
    schema_version integer, event_id uuid, alert_id uuid, version integer, at timestamptz, actor text, note text,
    alert alerts.snapshot
);

CREATE OR REPLACE FUNCTION alerts.as_event(
    a alerts.alert, event_id uuid, at timestamptz, actor text, note text
)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT row_to_json(ROW(
        1, event_id, a.id, a.version, at, actor, note,
        ROW(a.id, a.version, a.host_id, a.host_name, a.host_labels, a.kind, a.dedup_key,
            a.source_group_id, a.source_group_name, a.severity, a.title, a.message, a.hint,
            a.error_class,
            CASE WHEN a.resolved_at IS NOT NULL THEN 'resolved' WHEN a.acked_at IS NOT NULL THEN 'acked' ELSE 'open' END,
            a.occurrences, a.first_seen_at, a.last_seen_at,
            a.last_success_at, a.acked_at, a.acked_by, a.resolved_at, a.resolved_by,
            a.note, a.resolution, a.raised_job_id, a.resolved_job_id)::alerts.snapshot
    )::alerts.transition)
$$;
