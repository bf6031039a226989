"""Sure ground for tests that subscribe on one connection and are asked on another."""

from nats.aio.client import Client


async def settle(client: Client) -> None:
    """Returns once the server has done what this client asked of it before: subscribed, or no longer so.

    nats-py writes a flush's PING before what is still pending, so that one PONG proves nothing; by then the pending is
    written, and the second proves it.
    """
    await client.flush()
    await client.flush()
