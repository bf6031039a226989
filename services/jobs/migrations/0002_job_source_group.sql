-- depends: 0001_hosts_and_jobs

-- A job is about one source group from here on, so that each group fails and recovers on its own.
-- Both columns start as NULL in every row: nothing is rewritten, and what ran before stays as it was.

ALTER TABLE jobs.job ADD COLUMN source_group_id uuid;
-- The name as it was, for when the group is gone.
ALTER TABLE jobs.job ADD COLUMN source_group_name text;
ALTER TABLE jobs.job ADD CONSTRAINT job_source_group_fkey
    FOREIGN KEY (source_group_id) REFERENCES jobs.source_group ON DELETE SET NULL NOT VALID;
ALTER TABLE jobs.job ADD CONSTRAINT only_backups_have_a_group
    CHECK (kind = 'backup' OR source_group_id IS NULL) NOT VALID;

CREATE INDEX jobs_of_a_group ON jobs.job (source_group_id, created_at, id) WHERE source_group_id IS NOT NULL;

-- Deleting groups leaves backups without one behind; those are nobody's rivals, so NULLs stay distinct here.
CREATE UNIQUE INDEX one_unfinished_job_per_group ON jobs.job (host_id, source_group_id)
    WHERE status IN ('queued', 'dispatched', 'running') AND kind = 'backup';
CREATE UNIQUE INDEX one_unfinished_job_per_repository_kind ON jobs.job (host_id, kind)
    WHERE status IN ('queued', 'dispatched', 'running') AND kind <> 'backup';
DROP INDEX jobs.one_unfinished_job_per_kind;

CREATE UNIQUE INDEX one_backup_per_group_and_tick ON jobs.job (schedule_id, tick, source_group_id)
    WHERE schedule_id IS NOT NULL AND kind = 'backup';
CREATE UNIQUE INDEX one_repository_job_per_tick ON jobs.job (schedule_id, tick)
    WHERE schedule_id IS NOT NULL AND kind <> 'backup';
DROP INDEX jobs.one_job_per_tick;

-- A job as people see it; a group that is gone keeps the name it had.
CREATE VIEW jobs.job_shown AS
    SELECT job.id, job.host_id, host.name AS host_name, job.kind, job.source_group_id,
           coalesce(source_group.name, job.source_group_name) AS source_group_name, job.repository_id, job.status,
           job.trigger, job.created_at, job.started_at, job.finished_at, job.exit_code, job.error_class, job.message,
           job.summary, job.progress, jobs.host_status(host.last_seen_at) AS host_status, host.last_seen_at
    FROM jobs.job
    JOIN jobs.host ON host.id = job.host_id
    LEFT JOIN jobs.source_group ON source_group.id = job.source_group_id;
