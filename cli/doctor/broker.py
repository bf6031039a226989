"""NATS: JetStream, the stream and its consumers, and whether they keep up."""

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from cli.doctor.finding import Finding
from shared import streams
from shared.bus import jetstream

LEAST_PAYLOAD = 8 * 1024 * 1024
MOST_LAG = 1000


async def look(client: Client, replicas: int) -> list[Finding]:
    """One finding each; what needs the stream is left out while that is not there."""
    found = [_server(client), stream := await _stream(client, replicas)]
    return [*found, *[await _consumer(client, durable) for durable in streams.DURABLES]] if stream.good else found


def _server(client: Client) -> Finding:
    version = client.connected_server_version
    detail = (
        f"{version.major}.{version.minor}.{version.patch}, reached, max_payload {client.max_payload // 1024 // 1024} MB"
    )
    advice = "Set max_payload: 8MB in nats.conf: larger requests and logs get lost on their way."
    return Finding("NATS", client.max_payload >= LEAST_PAYLOAD, detail, advice)


async def _stream(client: Client, replicas: int) -> Finding:
    js = jetstream(client)
    try:
        missing = await streams.missing(js)
        info = None if missing else await js.stream_info(streams.STREAM)
    except (nats.errors.Error, nats.js.errors.Error) as error:
        advice = "Turn JetStream on in nats.conf, with a store_dir on a disk that stays."
        return Finding("JetStream", good=False, detail=str(error) or type(error).__name__, advice=advice)
    if info is None:
        return Finding("stream", good=False, detail=f"missing: {', '.join(missing)}", advice="Run: keepwatch migrate")
    detail = f"{info.state.messages} messages, {info.config.num_replicas} copies"
    # More than asked for is no danger: more likely these are not the settings of the installation.
    advice = f"KEEPWATCH_STREAM_REPLICAS asks for {replicas}: nats stream edit {streams.STREAM} --replicas {replicas}"
    return Finding("stream", (info.config.num_replicas or 1) >= replicas, detail, advice)


async def _consumer(client: Client, durable: streams.Durable) -> Finding:
    info = await jetstream(client).consumer_info(streams.STREAM, durable.name)
    lag = (info.num_pending or 0) + (info.num_ack_pending or 0)
    advice = f"If this does not fall, start more copies of {durable.name}, and look into its log."
    return Finding(f"consumer {durable.name}", lag < MOST_LAG, f"{lag} messages wait", advice)
