"""The demo's hosts, source groups, schedules and channel, made through the API where they are missing."""

from dataclasses import dataclass
from pathlib import Path

from cli.client.api import Api
from cli.embedded.kept import keep, kept, password
from cli.up.demo.fleet import FLEET, NIGHTLY, DemoFolder, Group

CHANNEL = "demo-inbox"


@dataclass(frozen=True)
class Objects:
    """Makes what is missing, and only that: a second start changes nothing."""

    api: Api
    folder: DemoFolder

    async def hosts(self) -> dict[str, str]:
        """Every host of the demo with its groups and schedule; names to ids."""
        known = {host["name"]: host["id"] for host in await self.api.newest("/hosts")}
        return {name: await self._host(name, groups, known.get(name)) for name, groups in FLEET.items()}

    async def _host(self, name: str, groups: tuple[Group, ...], identity: str | None) -> str:
        identity = identity or await self._new_host(name)
        if not self._token_file(name).exists():
            keep(self._token_file(name), (await self.api.post(f"/hosts/{identity}/token"))["agent_token"])
        await self._groups(identity, name, groups)
        if not await self.api.newest(f"/hosts/{identity}/schedules"):
            nightly = {"kind": "backup", "cron": NIGHTLY, "timezone": "UTC"}
            await self.api.post(f"/hosts/{identity}/schedules", nightly)
        return identity

    async def _new_host(self, name: str) -> str:
        secret = kept(self.folder.host(name) / "repository-password", password)
        repository = {"url": str(self.folder.repository(name)), "password": secret}
        made = await self.api.post("/hosts", {"name": name, "labels": {"demo": "yes"}, "repository": repository})
        keep(self._token_file(name), made["agent_token"])
        return str(made["id"])

    async def _groups(self, identity: str, host: str, groups: tuple[Group, ...]) -> None:
        path = f"/hosts/{identity}/source-groups"
        known = {group["name"] for group in await self.api.newest(path)}
        for group in groups:
            if group.name not in known:
                await self.api.post(path, self.folder.group_body(host, group))

    def _token_file(self, host: str) -> Path:
        return self.folder.host(host) / "token"

    async def channel(self, url: str) -> str:
        """The channel to the built-in inbox; the secret that its webhooks are signed with."""
        file = self.folder.path / "inbox-secret"
        known = {channel["name"]: channel["id"] for channel in await self.api.newest("/channels")}
        if CHANNEL in known and file.exists():
            return file.read_text().strip()
        if CHANNEL in known:
            # Made by a start that was cut off before it kept the secret, which is shown only once.
            await self.api.delete(f"/channels/{known[CHANNEL]}")
        made = await self.api.post("/channels", {"name": CHANNEL, "kind": "webhook", "config": {"url": url}})
        keep(file, made["signing_secret"])
        return str(made["signing_secret"])
