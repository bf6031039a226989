-- Hosts, their repositories, groups and schedules, and the jobs that run on them: one backup per host and kind.

CREATE TABLE jobs.repository (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    -- As it may be shown. The whole URL, which may hold a password, is among the secrets.
    url text NOT NULL,
    source text NOT NULL CHECK (source IN ('server', 'host')),
    may_create boolean NOT NULL,
    restic_id text,
    -- {url, password, env}, sealed: never plain text, from the first day.
    secrets bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX one_repository_per_name ON jobs.repository (lower(name));

CREATE TABLE jobs.host (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    labels jsonb NOT NULL DEFAULT '{}',
    repository_id uuid REFERENCES jobs.repository,
    offline_after_seconds integer CHECK (offline_after_seconds > 0),
    token_hash bytea,
    agent_version text,
    restic_version text,
    os text,
    engines text[] NOT NULL DEFAULT '{}',
    connection_id uuid,
    last_seen_at timestamptz,
    -- Set while host.offline has been said and host.online has not.
    offline_announced_at timestamptz,
    -- Counts what is said about the host as such, so that consumers can put it in order.
    fact_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
-- No index on last_seen_at: heartbeats then stay heap-only updates, and a fleet is hundreds of rows.
CREATE UNIQUE INDEX one_host_per_name ON jobs.host (lower(name));
CREATE UNIQUE INDEX one_host_per_token ON jobs.host (token_hash);
CREATE INDEX hosts_of_a_repository ON jobs.host (repository_id);

CREATE FUNCTION jobs.host_status(last_seen_at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN last_seen_at IS NULL THEN 'never_seen'
                WHEN last_seen_at > now() - interval '45 seconds' THEN 'online'
                ELSE 'offline' END;

-- A host as people see it.
CREATE VIEW jobs.host_shown AS
    SELECT host.id, host.name, host.labels, jobs.host_status(host.last_seen_at) AS status, host.last_seen_at,
           host.agent_version, host.restic_version, host.os, host.offline_after_seconds, host.created_at,
           repository.id AS repository_id, repository.name AS repository_name, repository.url AS repository_url
    FROM jobs.host LEFT JOIN jobs.repository ON repository.id = host.repository_id;

CREATE TABLE jobs.source_group (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    host_id uuid NOT NULL REFERENCES jobs.host ON DELETE CASCADE,
    name text NOT NULL,
    paths text[] NOT NULL,
    excludes text[] NOT NULL DEFAULT '{}',
    engine text NOT NULL DEFAULT 'restic' CHECK (engine IN ('restic', 'command')),
    command text[],
    retention jsonb,
    last_success_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT command_goes_with_its_engine CHECK ((engine = 'command') = (command IS NOT NULL))
);
CREATE UNIQUE INDEX one_group_per_name ON jobs.source_group (host_id, lower(name));

CREATE TABLE jobs.schedule (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    host_id uuid NOT NULL REFERENCES jobs.host ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('backup', 'forget', 'prune', 'check')),
    cron text NOT NULL,
    timezone text NOT NULL,
    -- NULL: all groups of the host, later ones too.
    source_group_ids uuid[],
    enabled boolean NOT NULL,
    next_run_at timestamptz,
    last_run_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT only_backup_schedules_name_groups CHECK (kind = 'backup' OR source_group_ids IS NULL),
    CONSTRAINT enabled_schedules_have_a_next_run CHECK (enabled = (next_run_at IS NOT NULL))
);
CREATE INDEX schedules_of_a_host ON jobs.schedule (host_id, created_at, id);
CREATE INDEX schedules_by_next_run ON jobs.schedule (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE jobs.job (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    host_id uuid NOT NULL REFERENCES jobs.host ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('backup', 'forget', 'prune', 'check')),
    repository_id uuid REFERENCES jobs.repository ON DELETE SET NULL,
    status text NOT NULL CHECK (status IN
        ('queued', 'dispatched', 'running', 'succeeded', 'warning', 'failed', 'cancelled', 'skipped')),
    trigger text NOT NULL CHECK (trigger IN ('manual', 'schedule', 'report')),
    schedule_id uuid REFERENCES jobs.schedule ON DELETE SET NULL,
    tick timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    running_since timestamptz,
    cancel_requested_at timestamptz,
    cancel_sent_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    evidence_at timestamptz,
    exit_code integer,
    error_class text,
    message text,
    summary jsonb,
    progress jsonb,
    progress_at timestamptz,
    -- We said how it ended without hearing it from the agent: the agent's word still replaces ours.
    presumed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 85);
CREATE INDEX jobs_by_age ON jobs.job (created_at, id);
CREATE INDEX jobs_of_a_host ON jobs.job (host_id, created_at, id);
CREATE INDEX jobs_of_a_repository ON jobs.job (repository_id);
CREATE INDEX unfinished_jobs ON jobs.job (host_id) WHERE status IN ('queued', 'dispatched', 'running');
CREATE UNIQUE INDEX one_unfinished_job_per_kind ON jobs.job (host_id, kind)
    WHERE status IN ('queued', 'dispatched', 'running');
CREATE UNIQUE INDEX one_job_per_tick ON jobs.job (schedule_id, tick) WHERE schedule_id IS NOT NULL;

CREATE TABLE jobs.job_log (
    job_id uuid NOT NULL REFERENCES jobs.job ON DELETE CASCADE,
    -- The agent's count of the bytes before this piece.
    start bigint NOT NULL,
    text bytea NOT NULL,
    PRIMARY KEY (job_id, start)
);

CREATE TABLE jobs.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    aggregate_id uuid NOT NULL,
    share smallint NOT NULL GENERATED ALWAYS AS ((uuid_hash(aggregate_id) & 7)::smallint) STORED,
    subject text NOT NULL,
    payload text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    stream_seq bigint
);
CREATE UNIQUE INDEX one_row_per_event ON jobs.outbox (event_id);
CREATE INDEX unpublished_events ON jobs.outbox (id) WHERE published_at IS NULL;
CREATE INDEX published_events ON jobs.outbox (stream_seq) WHERE published_at IS NOT NULL;

CREATE TABLE jobs.outbox_broker (
    the_only boolean PRIMARY KEY DEFAULT true CONSTRAINT one_broker CHECK (the_only),
    stream_created timestamptz NOT NULL,
    last_seq bigint NOT NULL,
    ack_floor bigint NOT NULL
);

-- Since when we have been able to hear agents without a break: silence before that is not theirs.
CREATE TABLE jobs.watch (
    the_only boolean PRIMARY KEY DEFAULT true CONSTRAINT one_watch CHECK (the_only),
    watching_since timestamptz NOT NULL,
    jobs_beat_at timestamptz NOT NULL,
    gateway_beat_at timestamptz NOT NULL
);
INSERT INTO jobs.watch (watching_since, jobs_beat_at, gateway_beat_at) VALUES (now(), now(), now());
