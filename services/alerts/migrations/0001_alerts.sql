-- Alerts as they were first: one problem per (host, kind), whichever of the host's source groups had it.

CREATE TABLE alerts.alert (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    version integer NOT NULL DEFAULT 1,
    host_id uuid NOT NULL,
    host_name text NOT NULL,
    host_labels jsonb NOT NULL DEFAULT '{}',
    kind text NOT NULL,
    severity text NOT NULL,
    title text NOT NULL,
    message text,
    hint text,
    error_class text,
    occurrences integer NOT NULL DEFAULT 1,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    last_success_at timestamptz,
    acked_at timestamptz,
    acked_by text,
    resolved_at timestamptz,
    resolved_by text,
    note text,
    resolution text,
    raised_job_id uuid,
    resolved_job_id uuid,
    CONSTRAINT severity_is_known CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT resolution_is_known CHECK (
        resolution IN ('auto', 'manual', 'superseded', 'source_deleted', 'host_deleted')
    ),
    CONSTRAINT resolved_says_why CHECK ((resolved_at IS NULL) = (resolution IS NULL)),
    CONSTRAINT version_counts_from_one CHECK (version >= 1),
    CONSTRAINT occurrences_count_from_one CHECK (occurrences >= 1)
) WITH (fillfactor = 80); -- room for touches on the same page: no index holds what a touch changes

CREATE INDEX open_alerts_of_host ON alerts.alert (host_id, kind) WHERE resolved_at IS NULL;
CREATE INDEX alerts_newest_first ON alerts.alert (first_seen_at DESC, id DESC);
CREATE INDEX unresolved_alerts_newest_first ON alerts.alert (first_seen_at DESC, id DESC) WHERE resolved_at IS NULL;

-- The timeline people see, and the outbox: a transition is announced by the row that records it.
CREATE TABLE alerts.alert_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    alert_id uuid NOT NULL REFERENCES alerts.alert ON DELETE CASCADE,
    version integer NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    actor text,
    note text,
    payload json NOT NULL, -- json, not jsonb: published byte for byte
    share smallint GENERATED ALWAYS AS ((uuid_hash(alert_id) & 7)::smallint) STORED,
    published_at timestamptz,
    stream_seq bigint,
    CONSTRAINT one_event_per_version UNIQUE (alert_id, version),
    CONSTRAINT type_is_known CHECK (type IN ('raised', 'acked', 'resolved'))
);

CREATE INDEX alert_events_to_publish ON alerts.alert_event (share, id) WHERE published_at IS NULL;

-- Each event counts once, however often the stream delivers it.
CREATE TABLE alerts.inbox (
    event_id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);

-- Messages that could not be handled, with their bytes.
CREATE TABLE alerts.dead_letter (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    subject text NOT NULL,
    stream_seq bigint,
    payload bytea NOT NULL,
    error text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What the broker remembered when the outbox last looked.
CREATE TABLE alerts.broker (
    one boolean PRIMARY KEY DEFAULT true CONSTRAINT only_one_broker CHECK (one),
    stream_created timestamptz NOT NULL,
    last_seq bigint NOT NULL,
    ack_floor bigint NOT NULL
);
