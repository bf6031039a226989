"""What an agent and the gateway say to each other over the WebSocket, as JSON objects `{type, id, …}`.

Both sides ignore fields they do not know, so either may be upgraded first. `id` names one frame; only frames that
are acknowledged (`job.finished`) need a stable one.
"""

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from shared.vocabulary import Engine, ErrorClass, JobKind, RepositorySource, TerminalStatus

PROTOCOL = 1
WS_PATH = "/agent/v1/ws"
HEARTBEAT_SECONDS = 15
REPLACED = 4409
"""WebSocket close code: a newer connection of the same host took over."""


class Frame(BaseModel):
    """One message of the protocol."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID = Field(default_factory=uuid4)


class Hello(Frame):
    """The first frame of every connection: who the agent is and what it still holds."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    agent_version: str
    restic_version: str | None = None
    os: str
    engines: list[Engine]
    running: list[UUID] = []
    spooled: list[UUID] = []
    sent_at: AwareDatetime


class JobStarted(Frame):
    """A job runs; `restic_id` is told when the repository was opened or created by it."""

    type: Literal["job.started"] = "job.started"
    job_id: UUID
    started_at: AwareDatetime
    restic_id: str | None = None


class JobProgress(Frame):
    """How far a job is, at most once a second; `percent` is 0 to 100 and may go back while restic still scans."""

    type: Literal["job.progress"] = "job.progress"
    job_id: UUID
    percent: float
    bytes_done: int
    files_done: int


class JobLog(Frame):
    """A piece of a job's log; `offset` counts the bytes of UTF-8 before it, so a repeat changes nothing."""

    type: Literal["job.log"] = "job.log"
    job_id: UUID
    offset: int
    text: str


class JobFinished(Frame):
    """A job's end state; kept on the agent's disk until the gateway acknowledges `id`."""

    type: Literal["job.finished"] = "job.finished"
    job_id: UUID
    status: TerminalStatus
    exit_code: int | None = None
    error_class: ErrorClass | None = None
    message: str | None = None
    summary: dict[str, Any] | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime
    sent_at: AwareDatetime
    restic_id: str | None = None


class Heartbeat(Frame):
    """The agent lives."""

    type: Literal["heartbeat"] = "heartbeat"


class SourceGroupSpec(BaseModel):
    """What to back up, as far as an agent needs to know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    name: str
    paths: list[str]
    excludes: list[str] = []
    command: list[str] | None = None


class RepositorySpec(BaseModel):
    """Where to back up to, with its secrets: travels over core NATS and the WebSocket only, never stored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    url: str
    password: str | None = Field(default=None, repr=False)
    env: dict[str, str] = Field(default={}, repr=False)
    create: bool = True
    source: RepositorySource = RepositorySource.SERVER
    restic_id: str | None = None


class ForgetSpec(BaseModel):
    """The retention of one source group: `{keep_last: 7, keep_within: "30d", …}`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source_group_id: UUID
    retention: dict[str, int | str]


class JobRun(Frame):
    """Run this job; repeated until `job.started`, so a known `job_id` must not run twice.

    `host_name` is what goes into `restic --host`; without it the agent uses the name of its machine.
    """

    type: Literal["job.run"] = "job.run"
    job_id: UUID
    kind: JobKind
    host_name: str | None = None
    engine: Engine = Engine.RESTIC
    source_group: SourceGroupSpec | None = None
    repository: RepositorySpec | None = None
    forget: list[ForgetSpec] = []


class JobCancel(Frame):
    """Stop this job."""

    type: Literal["job.cancel"] = "job.cancel"
    job_id: UUID


class Ack(Frame):
    """The frame with this `id` has been committed by the server and may be forgotten."""

    type: Literal["ack"] = "ack"


class Config(Frame):
    """What the server wants of the agent."""

    type: Literal["config"] = "config"
    heartbeat_seconds: int = HEARTBEAT_SECONDS


FromAgent = Annotated[Hello | JobStarted | JobProgress | JobLog | JobFinished | Heartbeat, Field(discriminator="type")]
ToAgent = Annotated[JobRun | JobCancel | Ack | Config, Field(discriminator="type")]

FROM_AGENT: TypeAdapter[FromAgent] = TypeAdapter(FromAgent)
TO_AGENT: TypeAdapter[ToAgent] = TypeAdapter(ToAgent)
