-- depends: 0007_told
-- What each job of a storm paid for, without which nothing is less certain (docs/decisions/0013).

-- A night of successes moves last_success_at of all groups of a host: with room for them on their page, no index has to
-- be told. Holds for pages that are written from now on.
ALTER TABLE jobs.source_group SET (fillfactor = 45);

-- Jobs that ran elsewhere have no repository.
CREATE INDEX jobs_of_a_known_repository ON jobs.job (repository_id) WHERE repository_id IS NOT NULL;
DROP INDEX jobs.jobs_of_a_repository;

-- Each event_id is made for its row, and nobody looks for one.
DROP INDEX jobs.one_row_per_event;
