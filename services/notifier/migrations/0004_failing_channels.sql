-- depends: 0003_own_trouble
-- Since when a channel has had nothing but failures; null while it is reached, or not tried.

ALTER TABLE notifier.channel ADD COLUMN failing_since timestamptz;
