-- depends: 0007_told
-- What each job of a storm paid for, without which nothing is less certain (docs/decisions/0013).

-- A night of successes moves last_success_at of all groups of a host: with room for them on their page, no index has to
-- be told. Holds for pages that are written from now on.
ALTER TABLE jobs.source_group SET (fillfactor = 45);

-- Jobs that ran elsewhere have no repository. The index in whose place this comes goes in a migration of its own: who has
-- built one, and then asks for more of the table, is what reports wait for that it waits for.
CREATE INDEX jobs_of_a_known_repository ON jobs.job (repository_id) WHERE repository_id IS NOT NULL;
