-- depends: 0006_canary
-- The newest event of each share that the broker acknowledged: another message in its place tells that the broker lost
-- its last ones. By share, since one that others have marked later says nothing of what its owner marks now.
CREATE TABLE jobs.told (
    share smallint PRIMARY KEY,
    stream_seq bigint NOT NULL,
    event_id uuid NOT NULL
);
