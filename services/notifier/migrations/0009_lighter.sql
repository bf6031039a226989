-- depends: 0008_channel_generation
-- What each delivery of a storm paid for, without which nothing is less certain (docs/decisions/0013).

-- A claim changes the lease: with it in an index, each wrote an entry into every index of the table.
CREATE INDEX deliveries_begun_by_id ON notifier.delivery (id)
    WHERE begun_at IS NOT NULL AND state IN ('pending', 'failed');
DROP INDEX notifier.deliveries_begun;

-- One statement writes decisions and deliveries in the transaction of their event, one writes the tries of deliveries
-- that are there, and one removes them all.
ALTER TABLE notifier.decision DROP CONSTRAINT a_decision_is_about_a_known_event;
ALTER TABLE notifier.delivery DROP CONSTRAINT a_delivery_is_of_a_known_event;
ALTER TABLE notifier.attempt DROP CONSTRAINT an_attempt_belongs_to_a_delivery;
