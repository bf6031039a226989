"""What an agent remembers, whatever happens to its disk."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from agent.job_log import JobLog
from agent.settings import SettingsError
from agent.spool import KNOWN_FOR, Spool
from shared.agent_protocol import JobFinished

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.db"


@pytest.fixture
def spool(path):
    spool = Spool(path)
    yield spool
    spool.close()


def finished(job_id=None, **values):
    return JobFinished(job_id=job_id or uuid4(), status="failed", finished_at=NOW, sent_at=NOW, **values)


def full(spool):
    """The disk has no room for one page more."""
    pages = spool._database.execute("PRAGMA page_count").fetchone()[0]
    spool._database.execute(f"PRAGMA max_page_count = {pages}")


def free(spool):
    spool._database.execute("PRAGMA max_page_count = 1000000")


def test_an_end_state_waits_until_its_own_frame_is_acknowledged(spool):
    frame = finished()
    spool.accept(frame.job_id, NOW)
    assert spool.spooled() == []

    spool.finish(frame)
    assert spool.ack(uuid4()) is None
    assert [job.finished for job in spool.spooled()] == [frame]

    assert spool.ack(frame.id) == frame.job_id
    assert spool.spooled() == []


def test_an_acknowledged_end_state_can_be_told_again(spool):
    frame = finished()
    spool.finish(frame)
    spool.ack(frame.id)

    assert spool.resend(frame.job_id)
    assert [job.finished for job in spool.spooled()] == [frame]
    assert not spool.resend(uuid4())


def test_everything_is_there_after_a_restart(path, spool):
    frame, running = finished(message="ünï", summary={"a": [1]}), uuid4()
    spool.finish(frame)
    spool.accept(running, NOW)
    spool.close()

    again = Spool(path)
    assert [job.finished for job in again.spooled()] == [frame]
    assert again.get(running).finished is None
    assert again.get(uuid4()) is None
    again.close()


def test_a_full_disk_loses_nothing_while_the_agent_lives(path, spool):
    full(spool)
    frames = [finished(message="x" * 3000) for _ in range(5)]
    for frame in frames:
        spool.accept(frame.job_id, NOW)
        spool.finish(frame)

    assert {job.finished.id for job in spool.spooled()} == {frame.id for frame in frames}

    free(spool)
    spool.flush()
    again = Spool(path)
    assert {job.finished.id for job in again.spooled()} == {frame.id for frame in frames}
    again.close()


def test_a_spool_that_cannot_be_opened_now_is_kept_for_later(path, spool):
    """A disk that is full at the start must not cost what waits: the next start finds it."""
    frame = finished()
    spool.finish(frame)
    spool.close()
    in_the_way = path.with_name("spool.db-wal")
    in_the_way.mkdir()

    with pytest.raises(SettingsError, match=r"--state-dir: .*spool.db cannot be opened: "):
        Spool(path)

    in_the_way.rmdir()
    again = Spool(path)
    assert [job.finished for job in again.spooled()] == [frame]
    again.close()


def test_old_jobs_are_forgotten_but_never_one_that_waits(spool):
    waiting, acked, recent, died = finished(), finished(), finished(), uuid4()
    for frame in (waiting, acked):
        spool.accept(frame.job_id, NOW - KNOWN_FOR - timedelta(days=1))
    spool.accept(died, NOW - KNOWN_FOR - timedelta(days=1))
    for frame in (waiting, acked, recent):
        spool.finish(frame)
    spool.ack(acked.id)
    spool.ack(recent.id)

    spool.prune(NOW)

    assert [spool.get(key) is not None for key in (waiting.job_id, recent.job_id)] == [True, True]
    assert [spool.get(key) for key in (acked.job_id, died)] == [None, None]


def test_a_log_is_read_in_whole_characters_by_byte_offset(tmp_path):
    log = JobLog(tmp_path / "log")
    log.write("aü€😀")
    log.write("end")

    text, offset = "", 0
    while piece := log.read(offset, limit=5):
        text, offset = text + piece, offset + len(piece.encode())

    assert text == "aü€😀\nend\n"
    assert log.size == len(text.encode())


def test_a_log_has_an_end_and_says_so(tmp_path):
    log = JobLog(tmp_path / "log", most_bytes=100)
    for _ in range(1000):
        log.write("0123456789")

    assert log.size < 150
    assert log.read(0).endswith("the log was cut here\n")


def test_a_log_that_cannot_be_written_does_not_stop_the_job(tmp_path):
    log = JobLog(tmp_path / "no such folder" / "log")

    log.write("lost")

    assert log.read(0) == ""
