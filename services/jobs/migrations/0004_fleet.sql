-- depends: 0003_job_source_group_valid

-- The overview tells a month of every group on a page from this index alone: which day, and how it went.
CREATE INDEX jobs_of_a_group_and_how_they_ended
    ON jobs.job (source_group_id, created_at, id) INCLUDE (status) WHERE source_group_id IS NOT NULL;
-- It serves all that the narrower one did.
DROP INDEX jobs.jobs_of_a_group;

-- What runs and what waits is counted without a look at the jobs themselves.
CREATE INDEX unfinished_jobs_by_status ON jobs.job (status) WHERE status IN ('queued', 'dispatched', 'running');
