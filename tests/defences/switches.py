"""Each defence of the guarantees, how it is switched off, and the test that then fails."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defence:
    """A defence by its name; without it, `file` says `without` in the place of `text`."""

    name: str
    file: str
    text: str
    without: str
    test: str


DEFENCES = [
    Defence(
        "outbox: an event is marked as told after the broker has it",
        "shared/outbox.py",
        '        crash_point("publish.before")\n',
        "        await self.table.mark(connection, [row.id for row in rows], [0] * len(rows))\n"
        '        crash_point("publish.before")\n',
        "tests/messaging/jobs/test_outbox.py::test_what_the_broker_refuses_is_not_taken_for_published",
    ),
    Defence(
        "acknowledgement: a message is acknowledged after its effect is committed",
        "shared/pull.py",
        "    if await _handled(consumer, messages, hold, stop):\n",
        "    await hold.done(*messages)\n    if await _handled(consumer, messages, hold, stop):\n",
        "tests/messaging/test_pull.py::test_what_a_copy_that_ends_had_begun_goes_to_another_one",
    ),
    Defence(
        "inbox of alerts: an event that comes again has no effect",
        "services/alerts/queries/changes.py",
        '    return {row["event_id"] for row in rows}\n\n\nasync def share',
        "    return set(event_ids) or {row for row in rows}\n\n\nasync def share",
        "tests/messaging/alerts/test_stream.py::test_three_copies_and_a_full_redelivery_count_equal",
    ),
    Defence(
        "inbox of notifier: an event that comes again is not fanned out again",
        "services/notifier/queries/events.py",
        "        UPDATE notifier.fan_out SET version = newest.version\n",
        "        UPDATE notifier.fan_out SET version = fan_out.version\n",
        "tests/integration/notifier/test_fan_out.py::test_an_event_that_comes_twice_is_fanned_out_once",
    ),
    Defence(
        "order: only what an alert begins with is claimed as it is made",
        "services/notifier/queries/events.py",
        "version = 1 AND channel_id = ANY",
        "channel_id = ANY",
        "tests/integration/notifier/test_at_once.py::test_what_follows_waits_for_what_was_first",
    ),
    Defence(
        "marks: news that is older than what is known changes nothing",
        "services/alerts/rules.py",
        "        return Evidence.LATE if finding.at < marks.cleared_at else Evidence.APPLIED\n",
        "        return Evidence.APPLIED\n",
        "tests/integration/alerts/test_order.py::test_a_failure_older_than_the_newest_success_raises_nothing",
    ),
    Defence(
        "lock order: whoever locks several keys does so in the same order",
        "services/alerts/queries/changes.py",
        "        ORDER BY host_id, kind, dedup_key\n        ON CONFLICT (host_id, kind, dedup_key) DO UPDATE\n",
        "        ORDER BY random()\n        ON CONFLICT (host_id, kind, dedup_key) DO UPDATE\n",
        "tests/integration/alerts/test_order.py::test_a_batch_that_waits_for_its_first_key_has_locked_none_of_the_others",
    ),
    Defence(
        "lease fencing: who lost a lease cannot overwrite its successor",
        "services/notifier/queries/deliveries.py",
        "            SELECT result.*, delivery.token = result.token AND (\n",
        "            SELECT result.*, (\n",
        "tests/integration/notifier/test_deliveries.py::test_a_late_failure_of_a_lost_lease_does_not_end_its_successors",
    ),
    Defence(
        "version order: an event is fanned out after the ones before it",
        "services/notifier/rules.py",
        "        if version == done + 1 + len(ready):\n",
        "        if version > done:\n",
        "tests/integration/notifier/test_fan_out.py::test_a_later_event_waits_for_the_earlier_one",
    ),
    Defence(
        "order at a channel: a later event waits for an earlier one that is not there yet",
        "services/notifier/queries/deliveries.py",
        "                        AND earlier.state NOT IN ('delivered', 'dead')\n",
        "                        AND earlier.state NOT IN ('delivered', 'dead') AND false\n",
        "tests/integration/notifier/test_deliveries.py::test_a_later_event_waits_for_an_earlier_one_at_the_same_channel",
    ),
    Defence(
        "second look: the ledger is asked again before a delivery is sent that had to wait",
        "services/notifier/turns.py",
        "        return turn.ours and turn.looked_at >= since and time.monotonic() <= turn.deadline\n",
        "        return time.monotonic() <= turn.deadline\n",
        "tests/integration/notifier/test_turns.py::test_nothing_is_sent_on_an_old_answer",
    ),
    Defence(
        "replay: a broker that lost its memory is told again",
        "shared/outbox.py",
        "            rewound = await self.table.rewind(connection, now, lost)\n",
        "            rewound = 0\n",
        "tests/messaging/alerts/test_stream.py::test_a_broker_that_lost_its_memory_is_told_again",
    ),
    Defence(
        "replay: also when others have published past what the broker lost",
        "shared/outbox.py",
        '    return (message.headers or {}).get("Nats-Msg-Id") == str(told.event_id)\n',
        "    return True\n",
        "tests/messaging/jobs/test_lost_tail.py::test_what_others_have_published_past_is_told_again",
    ),
    Defence(
        "replay: what was acknowledged over a connection that broke is marked after a look at the broker only",
        "shared/outbox.py",
        "        if self._known != self._connection:\n            return True",
        "        if False:\n            return True",
        "tests/messaging/jobs/test_lost_tail.py::test_what_is_taken_over_a_new_connection_hides_nothing",
    ),
    Defence(
        "acknowledgement over the same connection: behind another one a number may be another message's",
        "shared/pull.py",
        '        return self.client.is_connected and self.client.stats["reconnects"] == self.connection\n',
        "        return True\n",
        "tests/messaging/test_pull.py::test_what_came_before_the_broker_forgot_acknowledges_nothing_after",
    ),
    Defence(
        "lock of a deletion: no alert is raised behind a deletion's back",
        "services/alerts/queries/changes.py",
        '    await tx.execute("SELECT pg_advisory_xact_lock_shared($1)", DELETIONS)\n',
        '    await tx.execute("SELECT $1::int", DELETIONS)\n',
        "tests/integration/alerts/test_order.py::test_a_deletion_that_races_evidence_leaves_nothing_open",
    ),
]
