-- depends: 0007_canary
-- Counts how often a channel was led elsewhere or enabled: what came of an older claim says nothing of it as it is now.

ALTER TABLE notifier.channel ADD COLUMN generation integer NOT NULL DEFAULT 0;
