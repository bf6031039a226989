CREATE TABLE api.user (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    role text NOT NULL CONSTRAINT role_is_known CHECK (role IN ('viewer', 'operator', 'admin')),
    password_hash text NOT NULL,
    -- Of the password that the environment named last: a new one there is applied, a password changed here is kept.
    environment_hash text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX one_user_per_name ON api.user (lower(name));

CREATE TABLE api.token (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    role text NOT NULL CONSTRAINT role_is_known CHECK (role IN ('viewer', 'operator', 'admin')),
    digest bytea NOT NULL CONSTRAINT one_owner_per_token UNIQUE,
    from_environment boolean NOT NULL DEFAULT false,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX one_token_from_environment ON api.token (from_environment) WHERE from_environment;

CREATE TABLE api.session (
    digest bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES api.user ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX session_of_user ON api.session (user_id);
CREATE INDEX session_by_end ON api.session (expires_at);

CREATE TABLE api.login_link (
    digest bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES api.user ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

CREATE INDEX login_link_of_user ON api.login_link (user_id);

-- A token bucket per user and address, and per address.
CREATE TABLE api.sign_in_allowance (
    key text PRIMARY KEY,
    remaining double precision NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT now()
);
