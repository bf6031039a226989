-- depends: 0003_job_source_group_valid

-- What the pages of jobs look for among many that went well: the others, and those about a repository.
CREATE INDEX jobs_that_did_not_succeed ON jobs.job (created_at, id)
    WHERE status IN ('warning', 'failed', 'cancelled', 'skipped');
CREATE INDEX jobs_about_a_repository ON jobs.job (host_id, kind, created_at, id) WHERE kind <> 'backup';

-- A number out of a summary, which may hold anything: null for what is none, or no whole one that fits.
CREATE FUNCTION jobs.whole_number(value jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(value) = 'number'
                THEN CASE WHEN value::numeric BETWEEN 0 AND 9007199254740991 THEN value::numeric::bigint END END;
