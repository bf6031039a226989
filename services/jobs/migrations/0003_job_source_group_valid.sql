-- depends: 0002_job_source_group

-- In a transaction of its own: validating scans the table under a lock that lets everybody read and write.

ALTER TABLE jobs.job VALIDATE CONSTRAINT job_source_group_fkey;
ALTER TABLE jobs.job VALIDATE CONSTRAINT only_backups_have_a_group;
