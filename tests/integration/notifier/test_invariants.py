"""What the schema protects, by the name of the protection: each is violated once."""

import asyncpg
import pytest

CHANNEL = "INSERT INTO notifier.channel (name, kind, config, secrets, events, filter, enabled, disabled_reason) VALUES "
EVENT = "INSERT INTO notifier.event (alert_id, version, event_id, type, payload) SELECT alert_id, "
COPY = "SELECT alert_id, version, channel_id, channel_name, event"

VIOLATIONS = {
    "one_channel_per_name": f"{CHANNEL} ('OPS', 'webhook', '{{}}', '', '{{raised}}', '{{}}', true, null)",
    "a_channel_wants_some_event": "UPDATE notifier.channel SET events = '{}'",
    "an_enabled_channel_has_no_reason_not_to_be": "UPDATE notifier.channel SET disabled_reason = 'no reason'",
    "one_event_per_alert_and_version": f"{EVENT} version, event_id, type, payload FROM notifier.event",
    "versions_count_from_one": f"{EVENT} 0, event_id, type, payload FROM notifier.event",
    "one_decision_per_event_and_channel": f"""
        INSERT INTO notifier.decision (alert_id, version, channel_id, channel_name, event, reason)
        {COPY}, reason FROM notifier.decision""",
    "one_delivery_per_event_and_channel": f"""
        INSERT INTO notifier.delivery (alert_id, version, channel_id, channel_name, event, next_attempt_at)
        {COPY}, now() FROM notifier.delivery""",
    "known_delivery_state": "UPDATE notifier.delivery SET state = 'lost', next_attempt_at = null",
    "only_waiting_deliveries_have_a_next_attempt": "UPDATE notifier.delivery SET next_attempt_at = null",
    "delivered_means_when": "UPDATE notifier.delivery SET state = 'delivered', next_attempt_at = null",
    "known_kind_of_own_trouble": """
        INSERT INTO notifier.own_trouble (kind, dedup_key, name, over) VALUES ('host_offline', '', '', false)""",
    "one_sink": "INSERT INTO notifier.sink (the_only, not_before) VALUES (false, now())",
    "one_row_per_dead_letter": """
        INSERT INTO notifier.dead_letter (subject, stream_seq, payload, error)
        VALUES ('alert.raised', 1, 'x', ''), ('alert.raised', 1, 'x', '')""",
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_the_schema_refuses(notifier, name):
    await notifier.channel(name="ops")
    await notifier.tell(notifier.event("raised"))

    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await notifier.pool.execute(VIOLATIONS[name])

    assert refused.value.constraint_name == name


async def test_every_protection_is_tested(notifier):
    rows = await notifier.pool.fetch(
        """
        SELECT conname AS name FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace
        WHERE nspname = 'notifier' AND contype IN ('c', 'f', 'u', 'p') AND conname NOT LIKE '%\\_pkey'
          AND conname NOT LIKE '%yoyo%'
        UNION
        SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
        WHERE relnamespace = 'notifier'::regnamespace AND indisunique AND indexprs IS NOT NULL
        """
    )

    assert {row["name"].removeprefix("notifier.") for row in rows} == set(VIOLATIONS)
