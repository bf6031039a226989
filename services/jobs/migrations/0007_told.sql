-- depends: 0006_canary
-- The newest event that the broker acknowledged: another message in its place tells that the broker lost its last ones.
ALTER TABLE jobs.outbox_broker ADD COLUMN told_seq bigint, ADD COLUMN told_event uuid;
