"""What a finished restic means for the job: pure functions of its exit code and its words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.engines import classify, restic_output
from agent.engines.restic_program import Ended
from agent.outcome import Outcome, failed
from shared.vocabulary import ErrorClass, TerminalStatus

_SHOWN = 5


def backup(ended: Ended, paths: Sequence[str], missing: Sequence[str]) -> Outcome:
    """The end of a backup of these paths, of which some were missing before it began."""
    said, code = ended.said, ended.exit_code
    if code not in {0, classify.SNAPSHOT_WITH_ERRORS}:
        return _failure(ended)
    if said.summary is None or not said.summary.get("snapshot_id"):
        return failed(ErrorClass.OTHER, said.message or "restic ended without a snapshot", code)
    gone = [path for path in paths if path in missing or path in said.skipped]
    summary = said.summary | ({"missing_paths": gone} if gone else {})
    if said.unreadable:
        summary |= {"unreadable_files": said.unreadable, "errors": said.items}
    if gone:
        message = missing_message(gone, len(paths))
        return Outcome(TerminalStatus.WARNING, ErrorClass.SOURCE_MISSING, message, code, summary)
    if code == classify.SNAPSHOT_WITH_ERRORS:
        message = _unreadable_message(ended)
        summary = summary | {"unreadable_files": said.unreadable or 1}
        return Outcome(TerminalStatus.WARNING, ErrorClass.SOURCE_UNREADABLE, message, code, summary)
    return Outcome(TerminalStatus.SUCCEEDED, None, None, code, summary)


def missing_message(missing: Sequence[str], of: int) -> str:
    """`1 of 3 paths missing: /srv/mail`."""
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"{len(missing)} of {of} paths missing: {', '.join(missing[:_SHOWN])}{more}"


def _unreadable_message(ended: Ended) -> str:
    said = ended.said
    count = said.unreadable or 1
    words = "; ".join(
        item["message"] if item["item"] in item["message"] else f"{item['item']}: {item['message']}"
        for item in said.items[:_SHOWN]
    )
    return f"{count} {'file' if count == 1 else 'files'} unreadable: {words or said.message}"


def forget(ended: Ended, done: list[dict[str, Any]]) -> Outcome | None:
    """The end of the job, if forgetting one source group went wrong; None to go on with the next."""
    if ended.exit_code == 0:
        return None
    summary = {"groups": done}
    if ended.exit_code == classify.SNAPSHOT_WITH_ERRORS:
        message = ended.said.message or "at least one snapshot could not be removed"
        return Outcome(TerminalStatus.WARNING, ErrorClass.OTHER, message, ended.exit_code, summary)
    return replace(_failure(ended), summary=summary)


def counts(stdout: str) -> dict[str, int]:
    """How many snapshots `forget --json` kept and removed."""
    document = restic_output.first_document(stdout)
    groups = [group for group in document if isinstance(group, dict)] if isinstance(document, list) else []
    return {
        "kept": sum(len(group.get("keep") or []) for group in groups),
        "removed": sum(len(group.get("remove") or []) for group in groups),
    }


def maintenance(ended: Ended) -> Outcome:
    """The end of a prune or a check."""
    errors = (ended.said.summary or {}).get("num_errors", 0)
    if ended.exit_code != 0 or errors:
        failure = _failure(ended)
        message = "\n".join(dict.fromkeys([failure.message or "", *ended.said.first_errors]))
        return replace(failure, message=message, summary=ended.said.summary)
    return Outcome(TerminalStatus.SUCCEEDED, None, None, 0, ended.said.summary)


def _failure(ended: Ended) -> Outcome:
    reason = classify.error_class(ended.exit_code, ended.said.everything)
    return failed(reason, ended.said.message or f"restic ended with code {ended.exit_code}", ended.exit_code)
