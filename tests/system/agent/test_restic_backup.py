"""Backups by every restic that is installed: five things that go wrong are five different classes."""

import os
from uuid import uuid4

import pytest

from shared.agent_protocol import JobFinished
from shared.vocabulary import ErrorClass, TerminalStatus


def ended(finished: JobFinished) -> tuple[TerminalStatus, ErrorClass | None]:
    return finished.status, finished.error_class


async def test_a_backup_makes_a_snapshot_that_carries_host_and_source_group(world):
    world = world.with_group(world.source("mail"))

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.SUCCEEDED, None), finished.message
    (snapshot,) = world.snapshots()
    assert snapshot["hostname"] == "web-01"
    assert snapshot["tags"] == [f"keepwatch-{world.group.id}"]
    assert snapshot["id"].startswith(finished.summary["snapshot_id"])
    assert finished.summary["total_files_processed"] == 1


async def test_the_repository_s_id_is_told_and_the_next_backup_finds_the_same(newest):
    world = newest.with_group(newest.source("mail"))

    first = await world.run()
    again = await world.with_repository(restic_id=first.restic_id).run()

    assert len(first.restic_id) == 64
    assert ended(again) == (TerminalStatus.SUCCEEDED, None)
    assert len(world.snapshots()) == 2


async def test_excludes_and_paths_are_taken_as_they_stand(newest):
    """An exclude file would take the first for a comment and the second for a variable."""
    world = newest.backed_up()
    path = world.source("a b*[c]")
    for name in ("#cache", "$HOME", "keep", "a b"):
        (world.root / "sources/a b*[c]" / name).write_text(name)

    await world.with_group(path, excludes=["#cache", "$HOME", "a b"]).run()

    listing = world.restic("ls", "latest")
    assert "/a b*[c]/keep" in listing
    assert not any(listing.count(f"/{name}\n") for name in ("#cache", "$HOME", "a b"))


async def test_some_paths_missing_is_a_warning_with_a_snapshot(world):
    gone = str(world.root / "gone")
    world = world.backed_up().with_group(world.source("mail"), gone)

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.WARNING, ErrorClass.SOURCE_MISSING)
    assert finished.message == f"1 of 2 paths missing: {gone}"
    assert finished.summary["missing_paths"] == [gone]
    assert len(world.snapshots()) == 2


async def test_all_paths_missing_is_a_failure(world):
    world = world.with_group(str(world.root / "gone"))

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.FAILED, ErrorClass.SOURCE_MISSING)
    assert "1 of 1 paths missing" in finished.message


async def test_unreadable_files_are_a_warning_with_a_snapshot(world):
    """Root reads everything but what the kernel itself will not give: a process's memory at address 0."""
    world = world.backed_up().with_group(world.source("mail"), f"/proc/{os.getpid()}/mem")

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.WARNING, ErrorClass.SOURCE_UNREADABLE)
    assert finished.exit_code == 3
    assert finished.message.startswith("1 file unreadable: ")
    assert "input/output error" in finished.message
    assert (finished.summary["unreadable_files"], finished.summary["errors"][0]["item"]) == (1, world.group.paths[1])
    assert len(world.snapshots()) == 2


async def test_a_wrong_password(world):
    finished = await world.backed_up().with_repository(password="another").run()

    assert ended(finished) == (TerminalStatus.FAILED, ErrorClass.WRONG_PASSWORD)
    assert "wrong password or no key found" in finished.message


async def test_a_known_repository_that_is_gone_is_not_created_anew(world):
    world = world.with_group(world.source("mail")).with_repository(restic_id="0" * 64)

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.FAILED, ErrorClass.REPO_MISSING)
    assert not world.has_repository()


async def test_a_repository_that_may_not_be_created_is_missing(newest):
    world = newest.with_group(newest.source("mail")).with_repository(create=False)

    assert ended(await world.run()) == (TerminalStatus.FAILED, ErrorClass.REPO_MISSING)
    assert not world.has_repository()


async def test_another_repository_in_its_place_is_not_written_to(newest):
    world = newest.backed_up().with_repository(restic_id="0" * 64)

    assert ended(await world.run()) == (TerminalStatus.FAILED, ErrorClass.REPO_CHANGED)
    assert len(world.snapshots()) == 1


@pytest.mark.parametrize("repository_answer", [4.0])
async def test_an_unreachable_repository(world):
    world = world.with_group(world.source("mail")).with_repository(url="rest:http://127.0.0.1:9/mail")

    finished = await world.run()

    assert ended(finished) == (TerminalStatus.FAILED, ErrorClass.REPO_UNREACHABLE)


async def test_two_agents_that_create_one_repository_at_once_both_succeed(newest):
    one = newest.with_group(newest.source("mail"))
    two = one.with_repository(id=uuid4())  # another id, so that the agent does not put them one after the other

    jobs = [one.job(), two.job()]
    for job in jobs:
        one.jobs.run(job)

    ends = [await one.end_of(job.job_id) for job in jobs]
    assert [end.status for end in ends] == [TerminalStatus.SUCCEEDED] * 2, [end.message for end in ends]
    assert ends[0].restic_id == ends[1].restic_id


async def test_a_password_with_blanks_around_it_is_that_password(newest):
    """restic strips a password that it reads from a file; a person who types it would be locked out."""
    password = "  blanks around  "
    world = newest.with_group(newest.source("mail")).with_repository(password=password)

    assert ended(await world.run()) == (TerminalStatus.SUCCEEDED, None)
    assert ended(await world.with_repository(password=password.strip()).run())[1] is ErrorClass.WRONG_PASSWORD
