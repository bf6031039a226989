-- depends: 0009_lighter
-- Each row is changed soon after it was written, many at once: with room for all of them on their page, no index has to
-- be told of a claim, or of how far an alert's events have come. Holds for pages that are written from now on.
ALTER TABLE notifier.delivery SET (fillfactor = 45);
ALTER TABLE notifier.fan_out SET (fillfactor = 45);
