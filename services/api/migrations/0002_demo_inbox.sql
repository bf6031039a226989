-- depends: 0001_identity

CREATE TABLE api.inbox_secret (
    only_one boolean PRIMARY KEY DEFAULT true CONSTRAINT one_inbox_secret CHECK (only_one),
    sealed bytea NOT NULL
);

CREATE TABLE api.inbox_call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now(),
    webhook_id text NOT NULL,
    signature_valid boolean NOT NULL,
    body text NOT NULL
);
