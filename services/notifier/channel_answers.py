"""What the gateway may ask about channels."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from services.notifier.channels import Kind
from services.notifier.model import Delivered, Message, Outcome, SealedChannel, Stored, Unreachable
from services.notifier.queries import channels as queries
from services.notifier.queries import own_trouble
from services.notifier.sealed import closed, opened
from shared.asks import channels as asks
from shared.asks.ask import Ask, Page
from shared.asks.channels import ALL_CHANGES, Channel, ChannelFilter, ChannelPatch, ChannelWithSecret, TestResult
from shared.bus import Handler
from shared.clock import Clock, utc_now
from shared.cursor import decode_time_and_id, page
from shared.db import Connection, Pool, in_transaction
from shared.refusal import Refusal
from shared.sealing import SealBrokenError, Sealer
from shared.vocabulary import AlertKind, ChannelKind

MOST_SHOWN = 300
log = structlog.get_logger()
OTHER_KEY = Refusal.conflict("This channel's secrets were sealed with another KEEPWATCH_SECRET_KEY; make it anew.")
TEST_SECONDS = 6.0
"""Shorter than the gateway waits for the answer."""


@dataclass(frozen=True)
class ChannelAnswers:
    """Answers from the database, with the channel kinds as judges of what is in a config."""

    pool: Pool
    kinds: Mapping[ChannelKind, Kind]
    sealer: Sealer
    clock: Clock = utc_now

    def all(self) -> dict[type[Ask[Any]], Handler]:
        """Which question goes where."""
        return {
            asks.CreateChannel: self.create_channel,
            asks.ListChannels: self.list_channels,
            asks.GetChannel: self.get_channel,
            asks.PatchChannel: self.patch_channel,
            asks.RenewSigningSecret: self.renew_secret,
            asks.DeleteChannel: self.delete_channel,
            asks.TestChannel: self.test_channel,
        }

    async def create_channel(self, question: asks.CreateChannel) -> ChannelWithSecret | Refusal:
        """A new channel, and its signing secret this once."""
        body, kind = question.body, self.kinds[question.body.kind]
        stored = kind.create(body.config)
        if isinstance(stored, Refusal):
            return stored
        identity = uuid4()
        secrets = closed(self.sealer, identity, stored.secrets)
        channel = await queries.insert(self.pool, identity, body, stored.config, secrets)
        if channel is None:
            return await self._taken(body.name)
        log.info("channel created", channel_id=str(identity), kind=body.kind.value)
        return ChannelWithSecret(**dict(self._shown(channel)), signing_secret=kind.disclosed(stored))

    async def list_channels(self, question: asks.ListChannels) -> Page[Channel] | Refusal:
        """A page of channels, newest first."""
        key = decode_time_and_id(question.cursor)
        if isinstance(key, Refusal):
            return key
        found = await queries.newest_first(self.pool, *key, question.limit + 1)
        shown = [self._shown(channel) for channel in found]
        return page(shown, question.limit, lambda channel: (channel.created_at, channel.id))

    async def get_channel(self, question: asks.GetChannel) -> Channel | Refusal:
        """One channel, secrets masked."""
        channel = await queries.get(self.pool, question.id)
        return self._shown(channel) if channel else Refusal.not_found("channel")

    async def patch_channel(self, question: asks.PatchChannel) -> Channel | Refusal:
        """The channel as it is after the change; disabling it ends its waiting deliveries."""
        try:
            return await in_transaction(self.pool, lambda tx: self._patch(tx, question))
        except asyncpg.UniqueViolationError:
            return await self._taken(str(question.changes.name))

    async def _patch(self, tx: Connection, question: asks.PatchChannel) -> Channel | Refusal:
        before = await queries.get_locked(tx, question.id)
        if before is None:
            return Refusal.not_found("channel")
        after = self._changed(before, question.changes)
        if isinstance(after, Refusal):
            return after
        await queries.update(tx, after)
        if after.enabled:
            await _note_over(tx, before)
        if not after.enabled:
            await queries.give_up_waiting(tx, after.id, "channel disabled")
        return self._shown(after)

    def _changed(self, channel: SealedChannel, changes: ChannelPatch) -> SealedChannel | Refusal:
        given = changes.model_fields_set
        if nulls := [
            name
            for name in ("name", "config", "enabled", "at_most_once")
            if name in given and getattr(changes, name) is None
        ]:
            return Refusal.invalid(*((f"/{name}", "must not be null") for name in nulls))
        if changes.config is not None:
            reconfigured = self._reconfigured(channel, changes.config)
            if isinstance(reconfigured, Refusal):
                return reconfigured
            channel = reconfigured
        if "events" in given:
            channel = replace(channel, events=changes.events or ALL_CHANGES)
        if "filter" in given:
            channel = replace(channel, filter=changes.filter or ChannelFilter())
        if changes.at_most_once is not None:
            channel = replace(channel, at_most_once=changes.at_most_once)
        if changes.enabled is not None:
            reason = None if changes.enabled else channel.disabled_reason
            channel = replace(channel, enabled=changes.enabled, disabled_reason=reason)
        return replace(channel, name=changes.name or channel.name)

    def _reconfigured(self, channel: SealedChannel, config: dict[str, Any]) -> SealedChannel | Refusal:
        try:
            stored = self.kinds[channel.kind].change(self._opened(channel), config)
        except SealBrokenError:
            return OTHER_KEY
        if isinstance(stored, Refusal):
            return stored
        return replace(channel, config=stored.config, secrets=closed(self.sealer, channel.id, stored.secrets))

    async def renew_secret(self, question: asks.RenewSigningSecret) -> ChannelWithSecret | Refusal:
        """The channel with a new signing secret, shown this once."""

        async def renew(tx: Connection) -> ChannelWithSecret | Refusal:
            channel = await queries.get_locked(tx, question.id)
            if channel is None:
                return Refusal.not_found("channel")
            kind = self.kinds[channel.kind]
            try:
                stored = kind.renew(self._opened(channel))
            except SealBrokenError:
                return OTHER_KEY
            if stored is None:
                return Refusal.conflict("This kind of channel has no signing secret.")
            await queries.update(tx, replace(channel, secrets=closed(self.sealer, channel.id, stored.secrets)))
            log.info("signing secret renewed", channel_id=str(channel.id))
            return ChannelWithSecret(**dict(self._shown(channel)), signing_secret=kind.disclosed(stored))

        return await in_transaction(self.pool, renew)

    async def delete_channel(self, question: asks.DeleteChannel) -> Refusal | None:
        """Nothing is left of a channel but its past; its waiting deliveries end."""

        async def delete(tx: Connection) -> Refusal | None:
            channel = await queries.get_locked(tx, question.id)
            if channel is None:
                return Refusal.not_found("channel")
            await queries.delete(tx, question.id)
            await _note_over(tx, channel)
            await queries.give_up_waiting(tx, question.id, "channel deleted")
            return None

        return await in_transaction(self.pool, delete)

    async def test_channel(self, question: asks.TestChannel) -> TestResult | Refusal:
        """How a marked test message fared, sent now and not retried; disabled channels can be tested as well."""
        channel = await queries.get(self.pool, question.id)
        if channel is None:
            return Refusal.not_found("channel")
        started = time.monotonic()
        outcome = await self._test(channel)
        return TestResult(
            ok=isinstance(outcome, Delivered),
            detail=_in_words(outcome),
            duration_ms=round((time.monotonic() - started) * 1000),
        )

    async def _test(self, channel: SealedChannel) -> Outcome:
        note = "This is a test; nothing is wrong."
        message = Message(uuid4(), "keepwatch.test", self.clock().isoformat(), None, None, note)
        try:
            async with asyncio.timeout(TEST_SECONDS):
                return await self.kinds[channel.kind].send(message, self._opened(channel))
        except TimeoutError:
            return Unreachable(f"no answer within {TEST_SECONDS:.0f} s")
        except SealBrokenError:
            return Unreachable("the channel's secrets were sealed with another KEEPWATCH_SECRET_KEY")

    async def _taken(self, name: str) -> Refusal:
        existing = await queries.named(self.pool, name)
        return Refusal.conflict(f"There is already a channel named {name}.", existing_id=str(existing))

    def _opened(self, channel: SealedChannel) -> Stored:
        return Stored(channel.config, opened(self.sealer, channel.id, channel.secrets))

    def _shown(self, channel: SealedChannel) -> Channel:
        return Channel(
            id=channel.id,
            name=channel.name,
            kind=channel.kind,
            config=self.kinds[channel.kind].shown(channel.config),
            enabled=channel.enabled,
            events=channel.events,
            filter=channel.filter,
            at_most_once=channel.at_most_once,
            disabled_reason=channel.disabled_reason,
            created_at=channel.created_at,
        )


async def _note_over(tx: Connection, before: SealedChannel) -> None:
    """Alerts was told when Keepwatch itself disabled the channel; who disables one by hand knows."""
    if before.disabled_reason is not None:
        await own_trouble.note_over(tx, AlertKind.CHANNEL_DISABLED, str(before.id), before.name)


def _in_words(outcome: Outcome) -> str:
    """How a try went, and how the answer began."""
    if isinstance(outcome, Unreachable):
        return outcome.reason
    verdict = f"the receiver answered {outcome.status}" if isinstance(outcome, Delivered) else outcome.reason
    said = " ".join("".join(one if one.isprintable() else " " for one in outcome.detail).split())[:MOST_SHOWN]
    return f"{verdict}: {said}" if said else verdict
