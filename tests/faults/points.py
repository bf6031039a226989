"""At which named points each service can be made to crash."""

from shared.crash_points import Point

COMMITS: list[Point] = ["commit.before", "commit.after"]
OUTBOX: list[Point] = ["publish.before", "publish.after", "mark.after"]
CONSUMER: list[Point] = ["ack.before", "ack.after"]
SENDER: list[Point] = ["send.before", "send.after"]

POINTS: dict[str, list[Point]] = {
    "jobs": [*COMMITS, *OUTBOX],
    "alerts": [*COMMITS, *OUTBOX, *CONSUMER],
    "notifier": [*COMMITS, *CONSUMER, *SENDER],
}
