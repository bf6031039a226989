-- depends: 0004_failing_channels
-- For receivers that can't tell a repeat: what has been begun is never sent again by itself.
-- Copies of the release before don't know it: the promise holds once none of them runs.

ALTER TABLE notifier.channel ADD COLUMN at_most_once boolean NOT NULL DEFAULT false;
ALTER TABLE notifier.delivery ADD COLUMN begun_at timestamptz;

CREATE INDEX deliveries_begun ON notifier.delivery (lease_until)
    WHERE begun_at IS NOT NULL AND state IN ('pending', 'failed');
