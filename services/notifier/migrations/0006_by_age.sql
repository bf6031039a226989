-- depends: 0005_at_most_once
-- Alerts that were over long ago are found without a look at the rest.

CREATE INDEX ended_alerts_by_age ON notifier.event (fanned_out_at) WHERE type = 'resolved';
