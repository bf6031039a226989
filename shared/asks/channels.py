"""Channels: who is told, of what, and how. Owned by notifier."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from shared.asks.ask import Ask, Page
from shared.asks.fields import Body, Labels, Limit, Name
from shared.vocabulary import AlertChange, AlertKind, ChannelKind, Severity

MOST_COUNTED = 1_000
"""So many deliveries of a kind, or more."""
ALL_CHANGES = [AlertChange.RAISED, AlertChange.ACKED, AlertChange.RESOLVED]


def _distinct(changes: list[AlertChange]) -> list[AlertChange]:
    return list(dict.fromkeys(changes))


Changes = Annotated[list[AlertChange], Field(min_length=1), AfterValidator(_distinct)]


class ChannelFilter(Body):
    """All given conditions must hold; `host_labels` must all match; an absent condition always holds."""

    min_severity: Severity | None = None
    kinds: Annotated[list[AlertKind], Field(min_length=1)] | None = None
    host_labels: Labels | None = None


class Channel(BaseModel):
    """A channel; secrets in `config` are shown masked."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    kind: ChannelKind
    config: dict[str, Any]
    enabled: bool
    events: list[AlertChange]
    filter: ChannelFilter
    at_most_once: bool = False
    disabled_reason: str | None
    created_at: AwareDatetime


class ChannelWithSecret(Channel):
    """A new channel and the secret that signs its webhooks, shown this once."""

    signing_secret: str | None = Field(default=None, repr=False)


class ChannelCreate(Body):
    """`config` is judged by the channel's kind.

    `at_most_once` is for receivers that can't tell a repeat: what may have arrived is given up instead of sent again.
    """

    name: Name
    kind: ChannelKind
    config: Annotated[dict[str, Any], Field(repr=False)]
    enabled: bool = True
    events: Changes = ALL_CHANGES
    filter: ChannelFilter = ChannelFilter()
    at_most_once: bool = False


class ChannelPatch(Body):
    """An absent field stays, null clears; a secret left out of `config` stays, a mask sent back is refused."""

    name: Name | None = None
    config: Annotated[dict[str, Any] | None, Field(repr=False)] = None
    enabled: bool | None = None
    events: Changes | None = None
    filter: ChannelFilter | None = None
    at_most_once: bool | None = None


class TestResult(BaseModel):
    """What the receiver answered to a marked test message."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    ok: bool
    detail: str
    duration_ms: int


class ChannelHealth(BaseModel):
    """How a channel's deliveries fared lately, and what still waits; each counted to `MOST_COUNTED`."""

    model_config = ConfigDict(frozen=True)

    channel_id: UUID
    delivered: int
    dead: int
    failed: int
    pending: int
    last_delivered_at: AwareDatetime | None
    last_error: str | None
    last_error_at: AwareDatetime | None


class CreateChannel(Ask[ChannelWithSecret]):
    subject: ClassVar[str] = "ask.notifier.channel.create"
    body: ChannelCreate


class RenewSigningSecret(Ask[ChannelWithSecret]):
    """A new signing secret; for 24 hours calls carry signatures of both."""

    subject: ClassVar[str] = "ask.notifier.channel.renew_secret"
    id: UUID


class ListChannels(Ask[Page[Channel]]):
    subject: ClassVar[str] = "ask.notifier.channel.list"
    limit: Limit = 50
    cursor: str | None = None


class GetChannel(Ask[Channel]):
    subject: ClassVar[str] = "ask.notifier.channel.get"
    id: UUID


class PatchChannel(Ask[Channel]):
    subject: ClassVar[str] = "ask.notifier.channel.patch"
    id: UUID
    changes: ChannelPatch


class DeleteChannel(Ask[None]):
    subject: ClassVar[str] = "ask.notifier.channel.delete"
    id: UUID


class GetChannelsHealth(Ask[list[ChannelHealth]]):
    """Of the last 24 hours, in the order asked."""

    subject: ClassVar[str] = "ask.notifier.channel.health"
    ids: list[UUID]


class TestChannel(Ask[TestResult]):
    __test__: ClassVar[bool] = False

    subject: ClassVar[str] = "ask.notifier.channel.test"
    id: UUID
