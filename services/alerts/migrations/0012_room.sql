-- depends: 0011_told
-- What each alert of a storm paid for, without which nothing is less certain (docs/decisions/0013).

-- A storm moves the marks of all its keys at once, and what fails again is counted by the hundred: with room for it on
-- the same page, no index has to be told. Holds for pages that are written from now on.
ALTER TABLE alerts.mark SET (fillfactor = 45);
ALTER TABLE alerts.alert SET (fillfactor = 60);

-- All at once, and in the order in which everybody takes them: who asks for more of a table later may be waited for.
LOCK TABLE alerts.alert, alerts.alert_event IN ACCESS EXCLUSIVE MODE;

-- An event is written by the statement that writes its alert. What holds them together later is that whoever removes an
-- alert, whichever release that is, removes its events: once for a statement, where a foreign key asked for each row.
CREATE FUNCTION alerts.remove_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM alerts.alert_event USING gone WHERE alert_event.alert_id = gone.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER events_go_with_their_alert AFTER DELETE ON alerts.alert
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION alerts.remove_events();
ALTER TABLE alerts.alert_event DROP CONSTRAINT alert_event_alert_id_fkey;

-- Each is made for its row; what must not be twice is a version of an alert.
ALTER TABLE alerts.alert_event DROP CONSTRAINT alert_event_event_id_key;
