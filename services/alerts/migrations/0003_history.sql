-- depends: 0002_one_open_alert_per_key
-- What evidence did, what is gone for good, and finding alerts by the words of their names.

CREATE TABLE alerts.evidence (
    job_id uuid PRIMARY KEY,
    outcome text NOT NULL,
    judged_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT outcome_is_known CHECK (outcome IN ('applied', 'late', 'repeated', 'none'))
);

-- Deleted hosts and source groups: what comes later about them is history.
CREATE TABLE alerts.tombstone (
    subject_id uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX unresolved_alerts_of_group
    ON alerts.alert (source_group_id) WHERE resolved_at IS NULL AND source_group_id IS NOT NULL;

CREATE FUNCTION alerts.words(host_name text, source_group_name text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(
        regexp_split_to_array(lower(host_name || ' ' || coalesce(source_group_name, '')), '[^[:alnum:]]+'), ''))
$$;

CREATE INDEX alerts_by_words ON alerts.alert USING gin (alerts.words(host_name, source_group_name));
