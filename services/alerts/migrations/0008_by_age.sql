-- depends: 0007_dead_letters
-- What has become too old, and what happened lately, is found without a look at the rest.
-- None of these holds what a touch changes. In the order in which a batch of evidence locks its tables: the release
-- before works on meanwhile.

CREATE INDEX received_events_by_age ON alerts.inbox (received_at);
CREATE INDEX resolved_alerts_by_end ON alerts.alert (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX transitions_by_time ON alerts.alert_event (at, id);
CREATE INDEX evidence_by_age ON alerts.evidence (judged_at);
