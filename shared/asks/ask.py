"""A typed question over NATS request/reply, and its answer or refusal on the wire."""

from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.refusal import Refusal

Answer = TypeVar("Answer")


class Ask(BaseModel, Generic[Answer]):
    """A question; `class GetHost(Ask[Host])` is answered with a `Host` or a `Refusal`.

    `subject` is `ask.OWNER.NAME`; whoever serves `ask.OWNER.>` owns the answer.
    """

    # What did not fit may be a secret, and errors are logged.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    subject: ClassVar[str]
    answer_adapter: ClassVar[TypeAdapter[Any]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Remember what the answer looks like, from the type argument of the base."""
        for base in cls.__bases__:
            arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
            if arguments:
                cls.answer_adapter = TypeAdapter(_Given[arguments[0]] | _Refused)  # type: ignore[arg-type, valid-type]  # known only here, at run time

    @classmethod
    def encode_answer(cls, answer: Any) -> bytes:
        """The reply's bytes for an answer or a refusal."""
        wrapped = _Refused(refusal=answer) if isinstance(answer, Refusal) else _Given(answer=answer)
        return wrapped.model_dump_json().encode()

    @classmethod
    def decode_answer(cls, reply: bytes) -> Any:
        """The answer, or the `Refusal`, that a reply's bytes hold."""
        decoded = cls.answer_adapter.validate_json(reply)
        return decoded.refusal if isinstance(decoded, _Refused) else decoded.answer


class _Given(BaseModel, Generic[Answer]):
    type: Literal["answer"] = "answer"
    answer: Answer


class _Refused(BaseModel):
    type: Literal["refusal"] = "refusal"
    refusal: Refusal


class Page(BaseModel, Generic[Answer]):
    """A page of a list, and where the next one starts; null when this was the last."""

    items: list[Answer]
    next_cursor: str | None = None


class Created(BaseModel):
    """The id of what was just made."""

    id: str
