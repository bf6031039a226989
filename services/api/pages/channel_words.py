"""What a channel is told of, as people say it."""

from shared.asks.channels import ALL_CHANGES, Channel, ChannelFilter
from shared.vocabulary import AlertChange, Severity

EVENTS = {
    AlertChange.RAISED: "raised",
    AlertChange.ACKED: "acknowledged",
    AlertChange.RESOLVED: "resolved",
}
SEVERITIES = {
    None: "All alerts",
    Severity.INFO: "All alerts",
    Severity.WARNING: "Alerts that are warning or critical",
    Severity.CRITICAL: "Critical alerts",
}


def told_of(channel: Channel) -> str:
    """One sentence: which alerts, of which hosts, and when."""
    when = _listed([EVENTS[event] for event in ALL_CHANGES if event in channel.events], "or")
    once = " Sent at most once." if channel.at_most_once else ""
    return f"{_which(channel.filter)}, when {when}.{once}"


def _which(wanted: ChannelFilter) -> str:
    which = SEVERITIES[wanted.min_severity]
    if wanted.kinds:
        which += f" of kind {_listed([kind.replace('_', ' ') for kind in wanted.kinds], 'or')}"
    if wanted.host_labels:
        which += f", on hosts with {_listed([f'{key}={value}' for key, value in wanted.host_labels.items()], 'and')}"
    return which


def _listed(words: list[str], last: str) -> str:
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
