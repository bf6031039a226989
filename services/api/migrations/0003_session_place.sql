-- depends: 0002_demo_inbox

-- From where somebody signed in, so that people recognise their sessions. Empty: before this was noted.
ALTER TABLE api.session
    ADD COLUMN address text NOT NULL DEFAULT '',
    ADD COLUMN browser text NOT NULL DEFAULT '';
