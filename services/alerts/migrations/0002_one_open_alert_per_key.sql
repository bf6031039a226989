-- depends: 0001_alerts
-- A host's source groups fail and recover on their own: the key becomes (host, kind, dedup_key), and unique.

LOCK TABLE alerts.alert IN SHARE ROW EXCLUSIVE MODE;

ALTER TABLE alerts.alert ADD COLUMN dedup_key text NOT NULL DEFAULT '';
ALTER TABLE alerts.alert ADD COLUMN source_group_id uuid;
ALTER TABLE alerts.alert ADD COLUMN source_group_name text;
ALTER TABLE alerts.alert ADD CONSTRAINT dedup_key_is_short CHECK (length(dedup_key) <= 255) NOT VALID;
ALTER TABLE alerts.alert VALIDATE CONSTRAINT dedup_key_is_short;

-- The complete event of a transition: what its consumers get, built from the row as the transition left it.
CREATE FUNCTION alerts.as_event(a alerts.alert, event_id uuid, at timestamptz, actor text, note text)
RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'schema_version', 1, 'event_id', event_id, 'alert_id', a.id, 'version', a.version, 'at', at,
        'actor', actor, 'note', note,
        'alert', json_build_object(
            'id', a.id, 'version', a.version, 'host_id', a.host_id, 'host_name', a.host_name,
            'host_labels', a.host_labels, 'kind', a.kind, 'dedup_key', a.dedup_key,
            'source_group_id', a.source_group_id, 'source_group_name', a.source_group_name,
            'severity', a.severity, 'title', a.title, 'message', a.message, 'hint', a.hint,
            'error_class', a.error_class,
            'state', CASE WHEN a.resolved_at IS NOT NULL THEN 'resolved'
                          WHEN a.acked_at IS NOT NULL THEN 'acked' ELSE 'open' END,
            'occurrences', a.occurrences, 'first_seen_at', a.first_seen_at, 'last_seen_at', a.last_seen_at,
            'last_success_at', a.last_success_at, 'acked_at', a.acked_at, 'acked_by', a.acked_by,
            'resolved_at', a.resolved_at, 'resolved_by', a.resolved_by, 'note', a.note,
            'resolution', a.resolution, 'raised_job_id', a.raised_job_id, 'resolved_job_id', a.resolved_job_id))
$$;

-- Several open rows of one key become one: the newest takes the occurrences of all, and the oldest beginning.
WITH ranked AS (
    SELECT id,
           first_value(id) OVER newest AS keeper,
           sum(occurrences) OVER whole AS occurrences,
           min(first_seen_at) OVER whole AS first_seen_at
    FROM alerts.alert
    WHERE resolved_at IS NULL
    WINDOW whole AS (PARTITION BY host_id, kind, dedup_key),
           newest AS (PARTITION BY host_id, kind, dedup_key ORDER BY last_seen_at DESC, id DESC)
)
UPDATE alerts.alert AS a
SET occurrences = ranked.occurrences, first_seen_at = ranked.first_seen_at
FROM ranked
WHERE a.id = ranked.id AND a.id = ranked.keeper AND a.occurrences <> ranked.occurrences;

WITH ranked AS (
    SELECT id, row_number() OVER (PARTITION BY host_id, kind, dedup_key ORDER BY last_seen_at DESC, id DESC) AS place
    FROM alerts.alert
    WHERE resolved_at IS NULL
), folded AS (
    UPDATE alerts.alert AS a
    SET resolved_at = now(), resolution = 'superseded', version = a.version + 1
    FROM ranked
    WHERE a.id = ranked.id AND ranked.place > 1
    RETURNING a AS alert, a.id, a.version, gen_random_uuid() AS event_id
)
-- Whoever was told of them is told that they are over.
INSERT INTO alerts.alert_event (event_id, alert_id, version, type, payload)
SELECT event_id, id, version, 'resolved', alerts.as_event(alert, event_id, now(), NULL, NULL) FROM folded;

-- The newest failure and the newest success known of each key; both only move forward, whatever arrives when.
CREATE TABLE alerts.mark (
    host_id uuid NOT NULL,
    kind text NOT NULL,
    dedup_key text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT '0001-01-02 00:00:00+00',
    cleared_at timestamptz NOT NULL DEFAULT '0001-01-02 00:00:00+00',
    PRIMARY KEY (host_id, kind, dedup_key)
) WITH (fillfactor = 70);

INSERT INTO alerts.mark (host_id, kind, dedup_key, raised_at)
SELECT host_id, kind, dedup_key, max(last_seen_at) FROM alerts.alert GROUP BY host_id, kind, dedup_key;

-- The heart. The index is the deduplication; no code looks before it inserts.
CREATE UNIQUE INDEX one_open_alert_per_key
    ON alerts.alert (host_id, kind, dedup_key) WHERE resolved_at IS NULL;

DROP INDEX alerts.open_alerts_of_host;
