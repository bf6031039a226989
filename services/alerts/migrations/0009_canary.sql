-- depends: 0008_by_age 0005_worst_first

-- Alerts as people see them. What happens to the canary's host is for nobody to see: no list, no count and no page
-- has it, and as the condition is part of their indexes, none reads past it either.
CREATE VIEW alerts.alert_shown AS
    SELECT id, version, host_id, host_name, host_labels, kind, dedup_key, source_group_id, source_group_name, severity,
           title, message, hint, error_class, occurrences, first_seen_at, last_seen_at, last_success_at, acked_at,
           acked_by, resolved_at, resolved_by, note, resolution, raised_job_id, resolved_job_id
    FROM alerts.alert WHERE host_id <> '00000000-0000-0000-0000-000000000002';

CREATE INDEX shown_alerts_newest_first ON alerts.alert (first_seen_at DESC, id DESC)
    WHERE host_id <> '00000000-0000-0000-0000-000000000002';
CREATE INDEX shown_unresolved_alerts_newest_first ON alerts.alert (first_seen_at DESC, id DESC)
    WHERE resolved_at IS NULL AND host_id <> '00000000-0000-0000-0000-000000000002';
CREATE INDEX shown_unresolved_alerts_worst_first
    ON alerts.alert (alerts.place_in_line(severity, acked_at), first_seen_at DESC, id DESC)
    INCLUDE (severity, acked_at)
    WHERE resolved_at IS NULL AND host_id <> '00000000-0000-0000-0000-000000000002';

DROP INDEX alerts.alerts_newest_first;
DROP INDEX alerts.unresolved_alerts_newest_first;
DROP INDEX alerts.unresolved_alerts_worst_first;
