-- depends: 0006_alerts_of_a_job
-- Dead letters are looked through, and one that comes again is found: by where it stood in the stream.

CREATE INDEX dead_letters_by_place ON alerts.dead_letter (stream_seq);
CREATE INDEX dead_letters_newest_first ON alerts.dead_letter (created_at DESC, id DESC);
