-- depends: 0006_by_age

-- The sink hears of the canary and of nothing else, and nobody hears of the sink.
-- Copies of the release before know no such channel: where there may be any, it comes when they have been replaced, and
-- before the first canary does.
CREATE TABLE notifier.sink (
    the_only boolean PRIMARY KEY DEFAULT true CONSTRAINT one_sink CHECK (the_only),
    not_before timestamptz NOT NULL
);
INSERT INTO notifier.sink (not_before)
SELECT CASE WHEN EXISTS (SELECT FROM notifier.channel) OR EXISTS (SELECT FROM notifier.fan_out)
            THEN now() + interval '30 minutes' ELSE '1970-01-01' END;

CREATE VIEW notifier.channel_shown AS
    SELECT id, name, kind, config, secrets, events, filter, at_most_once, enabled, disabled_reason, created_at
    FROM notifier.channel WHERE id <> '00000000-0000-0000-0000-000000000002';

CREATE OR REPLACE VIEW notifier.delivery_seen AS
SELECT delivery.id, delivery.channel_id, coalesce(channel.name, delivery.channel_name) AS channel_name,
    delivery.alert_id, delivery.version, delivery.event, delivery.state,
    (SELECT count(*) FROM notifier.attempt WHERE attempt.delivery_id = delivery.id) AS attempts,
    delivery.next_attempt_at, delivery.last_error, delivery.delivered_at, delivery.created_at, delivery.dead_at
FROM notifier.delivery
LEFT JOIN notifier.channel ON channel.id = delivery.channel_id
WHERE delivery.channel_id <> '00000000-0000-0000-0000-000000000002';

CREATE INDEX shown_deliveries_newest_first ON notifier.delivery (created_at DESC, id DESC)
    WHERE channel_id <> '00000000-0000-0000-0000-000000000002';
DROP INDEX notifier.deliveries_newest_first;

ALTER TABLE notifier.own_trouble DROP CONSTRAINT known_kind_of_own_trouble;
ALTER TABLE notifier.own_trouble ADD CONSTRAINT known_kind_of_own_trouble
    CHECK (kind IN ('dead_letter', 'channel_disabled', 'canary_lost'));
