import errno
import io
import json
import logging

import pytest
import structlog
from structlog.testing import capture_logs

from shared import logs


@pytest.fixture
def configured(monkeypatch):
    """Logs as a service does, to this file; afterwards all of logging is as it was before."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    processors = before["processors"].copy()

    def configure(style, level="info", file=None):
        file = file or io.StringIO()
        monkeypatch.setattr("sys.stderr", file)
        logs.configure("notifier", level, style)
        return file

    yield configure
    root.handlers = handlers
    root.setLevel(level)
    before["processors"][:] = processors
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def lines(written):
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_our_lines_and_the_libraries_have_one_format(configured):
    written = configured("json")
    structlog.get_logger().info("tried", job_id="0199-aa", reason=None)
    logging.getLogger("some.library").warning("%s is old", "this")

    ours, theirs = lines(written)
    assert (ours["event"], ours["level"], ours["service"], ours["trace_id"]) == ("tried", "info", "notifier", "0199aa")
    assert (theirs["event"], theirs["level"], theirs["service"]) == ("this is old", "warning", "notifier")
    assert ours.keys() - theirs.keys() == {"job_id", "trace_id", "reason"}


def test_what_is_below_the_level_is_not_written(configured):
    written = configured("json", "warning")
    structlog.get_logger().info("tried")

    assert written.getvalue() == ""


def test_a_logger_that_has_been_used_follows_what_is_configured_later(configured):
    first = configured("json")
    log = structlog.get_logger()
    log.info("tried")
    configured("console")

    with capture_logs() as heard:
        log.info("tried again")

    assert [line["event"] for line in heard] == ["tried again"]
    assert len(lines(first)) == 1


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_error_comes_with_its_traceback_and_without_local_variables(configured, style):
    written = configured(style)
    secret = "a-secret"
    try:
        int("what is no number")
    except ValueError:
        structlog.get_logger().exception("loop failed")

    assert "ValueError: invalid literal" in written.getvalue()
    assert secret not in written.getvalue()


@pytest.mark.parametrize("value", ["\ud800", {1, 2}, float("inf"), b"\xff", object()])
def test_whatever_is_to_be_logged_is(configured, value):
    written = configured("json")
    structlog.get_logger().info("found", value=value)

    assert lines(written)[0]["event"] == "found"


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_full_disk_loses_lines_and_nothing_else(configured, style):
    class Full(io.StringIO):
        tried = 0

        def write(self, _):
            self.tried += 1
            raise OSError(errno.ENOSPC, "No space left on device")

    full = configured(style, file=Full())
    structlog.get_logger().info("tried", state="delivered")

    assert full.tried == 1


def test_who_closed_the_door_hears_nothing(configured):
    closed = configured("json")
    closed.close()

    structlog.get_logger().info("tried")
