-- depends: 0008_room
DROP INDEX jobs.jobs_of_a_repository;

-- Each event_id is made for its row, and nobody looks for one.
DROP INDEX jobs.one_row_per_event;
