CREATE TABLE notifier.channel (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    kind text NOT NULL,
    -- What may be shown; everything else is in secrets, sealed.
    config jsonb NOT NULL,
    secrets bytea NOT NULL,
    events text[] NOT NULL,
    filter jsonb NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT a_channel_wants_some_event CHECK (cardinality(events) > 0),
    CONSTRAINT an_enabled_channel_has_no_reason_not_to_be CHECK (NOT enabled OR disabled_reason IS NULL)
);

CREATE UNIQUE INDEX one_channel_per_name ON notifier.channel (lower(name));
CREATE INDEX channels_newest_first ON notifier.channel (created_at DESC, id DESC);

-- How far an alert's events have been fanned out; its row is the lock under which that happens.
CREATE TABLE notifier.fan_out (
    alert_id uuid PRIMARY KEY,
    version integer NOT NULL DEFAULT 0
);

-- The inbox: what was announced about an alert, once per version. Kept longer than the stream.
CREATE TABLE notifier.event (
    alert_id uuid NOT NULL,
    version integer NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    payload text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    fanned_out_at timestamptz,
    CONSTRAINT one_event_per_alert_and_version PRIMARY KEY (alert_id, version),
    CONSTRAINT versions_count_from_one CHECK (version >= 1)
);

CREATE INDEX events_that_wait ON notifier.event (received_at) WHERE fanned_out_at IS NULL;

-- Why each channel of that moment was told, or not. Channels may go, decisions stay.
CREATE TABLE notifier.decision (
    alert_id uuid NOT NULL,
    version integer NOT NULL,
    channel_id uuid NOT NULL,
    channel_name text NOT NULL,
    event text NOT NULL,
    withheld_by text,
    reason text NOT NULL,
    due boolean NOT NULL GENERATED ALWAYS AS (withheld_by IS NULL) STORED,
    decided_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_decision_per_event_and_channel PRIMARY KEY (alert_id, version, channel_id),
    CONSTRAINT a_decision_is_about_a_known_event
        FOREIGN KEY (alert_id, version) REFERENCES notifier.event (alert_id, version)
);

-- The ledger. The id is the webhook-id of every try; the token tells a lease from the ones before it.
CREATE TABLE notifier.delivery (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    alert_id uuid NOT NULL,
    version integer NOT NULL,
    channel_id uuid NOT NULL,
    channel_name text NOT NULL,
    event text NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    tries integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    token bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    last_error text,
    delivered_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT one_delivery_per_event_and_channel UNIQUE (alert_id, channel_id, version),
    CONSTRAINT a_delivery_is_of_a_known_event
        FOREIGN KEY (alert_id, version) REFERENCES notifier.event (alert_id, version),
    CONSTRAINT known_delivery_state CHECK (state IN ('pending', 'failed', 'delivered', 'dead')),
    CONSTRAINT only_waiting_deliveries_have_a_next_attempt
        CHECK ((state IN ('pending', 'failed')) = (next_attempt_at IS NOT NULL)),
    CONSTRAINT delivered_means_when CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
)
-- A queue: leases are updates in place, and what has been delivered leaves the index of what waits.
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX deliveries_that_wait ON notifier.delivery (channel_id, next_attempt_at)
    WHERE state IN ('pending', 'failed');
CREATE INDEX deliveries_newest_first ON notifier.delivery (created_at DESC, id DESC);
CREATE INDEX deliveries_of_a_channel ON notifier.delivery (channel_id, created_at DESC, id DESC);

CREATE TABLE notifier.attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id uuid NOT NULL,
    at timestamptz NOT NULL,
    duration_ms integer NOT NULL,
    status integer,
    detail text NOT NULL,
    CONSTRAINT an_attempt_belongs_to_a_delivery FOREIGN KEY (delivery_id) REFERENCES notifier.delivery (id)
);

CREATE INDEX attempts_of_a_delivery ON notifier.attempt (delivery_id, id);

-- A delivery as people see it, under its channel's name of today as long as there is one.
CREATE VIEW notifier.delivery_seen AS
SELECT delivery.id, delivery.channel_id, coalesce(channel.name, delivery.channel_name) AS channel_name,
    delivery.alert_id, delivery.version, delivery.event, delivery.state,
    (SELECT count(*) FROM notifier.attempt WHERE attempt.delivery_id = delivery.id) AS attempts,
    delivery.next_attempt_at, delivery.last_error, delivery.delivered_at, delivery.created_at
FROM notifier.delivery
LEFT JOIN notifier.channel ON channel.id = delivery.channel_id;

-- Messages nobody could handle, byte for byte, to be looked at and replayed.
CREATE TABLE notifier.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL,
    stream_seq bigint NOT NULL,
    payload bytea NOT NULL,
    error text NOT NULL,
    set_aside_at timestamptz NOT NULL DEFAULT now()
);

-- A redelivery of the same bytes is the same dead letter; a new stream may reuse the number.
CREATE UNIQUE INDEX one_row_per_dead_letter ON notifier.dead_letter (stream_seq, md5(payload));
