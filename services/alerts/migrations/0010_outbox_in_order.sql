-- depends: 0009_canary
-- The oldest events that wait are found in their order: by share, all that waited were sorted for every thousand of them.
CREATE INDEX unpublished_events ON alerts.alert_event (id) WHERE published_at IS NULL;
DROP INDEX alerts.alert_events_to_publish;
