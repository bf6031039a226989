-- depends: 0003_history
-- All alerts of a host, and the earlier ones of a key: few rows, found without a look at the rest.

CREATE INDEX alerts_of_a_key ON alerts.alert (host_id, kind, dedup_key, first_seen_at DESC, id DESC);
