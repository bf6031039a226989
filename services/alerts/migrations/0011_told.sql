-- depends: 0010_outbox_in_order
-- The newest event that the broker acknowledged: another message in its place tells that the broker lost its last ones.
ALTER TABLE alerts.broker ADD COLUMN told_seq bigint, ADD COLUMN told_event uuid;
