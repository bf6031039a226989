"""The built-in inbox as a channel: what a receiver gets, its signature checked."""

from cli.client.api import Api
from cli.up.demo.fleet import DemoFolder
from cli.up.demo.objects import Objects
from cli.up.options import Options


async def connect(api: Api, folder: DemoFolder, options: Options) -> None:
    """Make the channel and hand the inbox the secret that its webhooks are signed with."""
    secret = await Objects(api, folder).channel(f"{options.local_url}/demo/inbox")
    async with api.http.put(f"{options.local_url}/demo/inbox/secret", json={"secret": secret}) as answer:
        answer.raise_for_status()
