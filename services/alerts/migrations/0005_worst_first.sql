-- depends: 0003_history

-- Where an alert stands in the line of what is wrong: open before acknowledged, the worst first.
CREATE FUNCTION alerts.place_in_line(severity text, acked_at timestamptz)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END
         + CASE WHEN acked_at IS NULL THEN 0 ELSE 3 END;

-- The line itself: its head is what is wrong now, worst first, and its parts are counted from the index alone.
-- Nothing of it is what a touch changes.
CREATE INDEX unresolved_alerts_worst_first
    ON alerts.alert (alerts.place_in_line(severity, acked_at), first_seen_at DESC, id DESC)
    INCLUDE (severity, acked_at) WHERE resolved_at IS NULL;
