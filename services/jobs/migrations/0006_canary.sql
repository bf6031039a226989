-- depends: 0005_finding_jobs

-- When a canary was last sent: one is due for all replicas together.
CREATE TABLE jobs.canary (
    the_only boolean PRIMARY KEY DEFAULT true CONSTRAINT one_canary CHECK (the_only),
    sent_at timestamptz NOT NULL
);
-- A copy of the release before would tell people of it: an upgrade has an hour to replace them all.
INSERT INTO jobs.canary (sent_at)
SELECT CASE WHEN EXISTS (SELECT FROM jobs.host) THEN now() + interval '1 hour' ELSE '1970-01-01' END;
