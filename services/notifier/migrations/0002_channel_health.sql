-- depends: 0001_channels_and_deliveries

-- When a delivery was given up. Copies of the release before leave it empty: they only miss in what people see.
ALTER TABLE notifier.delivery ADD COLUMN dead_at timestamptz;

UPDATE notifier.delivery
SET dead_at = coalesce((SELECT max(at) FROM notifier.attempt WHERE attempt.delivery_id = delivery.id), created_at)
WHERE state = 'dead';

-- How a channel has done lately is counted in these alone, and no further than anybody wants to know.
CREATE INDEX deliveries_that_arrived ON notifier.delivery (channel_id, delivered_at) WHERE state = 'delivered';
CREATE INDEX deliveries_given_up ON notifier.delivery (channel_id, dead_at, id) WHERE state = 'dead';

CREATE OR REPLACE VIEW notifier.delivery_seen AS
SELECT delivery.id, delivery.channel_id, coalesce(channel.name, delivery.channel_name) AS channel_name,
    delivery.alert_id, delivery.version, delivery.event, delivery.state,
    (SELECT count(*) FROM notifier.attempt WHERE attempt.delivery_id = delivery.id) AS attempts,
    delivery.next_attempt_at, delivery.last_error, delivery.delivered_at, delivery.created_at, delivery.dead_at
FROM notifier.delivery
LEFT JOIN notifier.channel ON channel.id = delivery.channel_id;
