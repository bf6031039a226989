-- depends: 0002_channel_health
-- What is wrong with the notifier itself, and over again: kept until alerts has been told.

CREATE TABLE notifier.own_trouble (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(), -- told again, it counts once
    kind text NOT NULL,
    dedup_key text NOT NULL,
    name text NOT NULL,
    message text,
    over boolean NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_at timestamptz,
    CONSTRAINT known_kind_of_own_trouble CHECK (kind IN ('dead_letter', 'channel_disabled'))
);

CREATE INDEX own_trouble_to_tell ON notifier.own_trouble (id) WHERE told_at IS NULL;

-- Dead letters get an id of the kind that people name things by. The release before does not know it, and need not.
ALTER TABLE notifier.dead_letter ADD COLUMN uid uuid;
ALTER TABLE notifier.dead_letter ALTER COLUMN uid SET DEFAULT uuidv7();
UPDATE notifier.dead_letter SET uid = uuidv7() WHERE uid IS NULL;
ALTER TABLE notifier.dead_letter ALTER COLUMN uid SET NOT NULL;
CREATE UNIQUE INDEX dead_letters_by_uid ON notifier.dead_letter (uid);
CREATE INDEX dead_letters_newest_first ON notifier.dead_letter (set_aside_at DESC, uid DESC);

-- What has been wrong since before anybody was told of it.
INSERT INTO notifier.own_trouble (kind, dedup_key, name, message, over)
SELECT 'dead_letter', 'notifier', 'notifier', subject || ': ' || error, false
FROM notifier.dead_letter ORDER BY set_aside_at DESC LIMIT 1;

INSERT INTO notifier.own_trouble (kind, dedup_key, name, message, over)
SELECT 'channel_disabled', id::text, name, disabled_reason, false
FROM notifier.channel WHERE disabled_reason IS NOT NULL ORDER BY created_at;
