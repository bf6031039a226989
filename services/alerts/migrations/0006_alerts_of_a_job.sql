-- depends: 0003_history
-- From a job to the alerts that its end raised or resolved; neither column is touched while an alert stands.

CREATE INDEX alerts_raised_by_a_job ON alerts.alert (raised_job_id) WHERE raised_job_id IS NOT NULL;
CREATE INDEX alerts_resolved_by_a_job ON alerts.alert (resolved_job_id) WHERE resolved_job_id IS NOT NULL;
