"""`keepwatch agent`: the program on a host."""

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from shared.vocabulary import JobKind


def default_state_dir() -> Path:
    """Where an agent keeps its state if nobody says: the system's place for root, the user's own otherwise."""
    import platformdirs  # noqa: PLC0415  needed by this command alone

    return Path("/var/lib/keepwatch-agent") if os.geteuid() == 0 else platformdirs.user_state_path("keepwatch-agent")


def repositories_dir() -> Path:
    """Where files with the secrets of `source: host` repositories are looked for."""
    import platformdirs  # noqa: PLC0415  as above

    by_user = Path("/etc/keepwatch") if os.geteuid() == 0 else platformdirs.user_config_path("keepwatch")
    return Path(os.environ.get("KEEPWATCH_AGENT_REPOSITORIES") or by_user / "repositories")


def _kinds(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> frozenset[JobKind]:
    names = [name.strip() for value in values for name in value.split(",")]
    unknown = [name for name in names if name not in set(JobKind)]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(JobKind)}.")
    return frozenset(map(JobKind, names)) if names else frozenset(JobKind)


def _token(token: str | None, token_file: Path | None) -> str:
    if token is not None and token_file is not None:
        raise click.UsageError("--token and --token-file exclude each other.")
    given = token_file or os.environ.get("KEEPWATCH_AGENT_TOKEN_FILE")
    if token is None and token_file is None:
        token = os.environ.get("KEEPWATCH_AGENT_TOKEN")
    if token is None and not given:
        raise click.UsageError("--token-file, --token, or KEEPWATCH_AGENT_TOKEN[_FILE] must give the agent's token.")
    return token if token is not None else _read(Path(given or ""))


def _read(path: Path) -> str:
    try:
        token, mode = path.read_text().strip(), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise click.ClickException(f"--token-file: {path} cannot be read: {reason}.") from None
    if mode & 0o007:
        click.echo(f"Warning: everybody on this machine may read the token; run: chmod 600 {path}", err=True)
    return token


@click.command("agent")
@click.option(
    "--server", required=True, metavar="URL", help="The Keepwatch server, like https://keepwatch.example.com."
)
@click.option("--token", metavar="T", help="This host's agent token; --token-file keeps it out of the process list.")
@click.option("--token-file", metavar="F", type=click.Path(path_type=Path), help="A file with the token.")
@click.option("--state-dir", metavar="D", type=click.Path(path_type=Path), help="Results not yet taken, logs, cache.")
@click.option("--ca-file", metavar="F", type=click.Path(path_type=Path), help="Trust this authority for the server.")
@click.option("--insecure", is_flag=True, help="Allow plain http to another machine: the token can be read on the way.")
@click.option("--allow-command", "commands", metavar="PATH", multiple=True, help="A program that jobs may run.")
@click.option("--allow", "kinds", metavar="KINDS", multiple=True, callback=_kinds, help="Only these: backup,forget,…")
@click.option("--allow-repository", "repositories", metavar="PREFIX", multiple=True, help="Only such repositories.")
def agent(token: str | None, token_file: Path | None, **options: Any) -> None:
    """Be the agent of this host: run what the server asks for, as far as these flags allow it."""
    from agent import app, logs  # noqa: PLC0415  the agent's parts are needed by this command alone
    from agent.settings import SettingsError  # noqa: PLC0415  as above

    secret = _token(token, token_file)
    level = os.environ.get("KEEPWATCH_LOG_LEVEL", "info").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise click.ClickException("KEEPWATCH_LOG_LEVEL: must be debug, info, warning or error.")
    logs.setup(level, "json" if os.environ.get("KEEPWATCH_LOG_FORMAT") == "json" else "console")
    try:
        code = asyncio.run(app.run(_settings(secret, options)))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(code)


def _settings(token: str, options: dict[str, Any]) -> Any:
    from agent.settings import AgentSettings  # noqa: PLC0415  as above

    return AgentSettings(
        server=options["server"],
        token=token,
        state_dir=(options["state_dir"] or default_state_dir()).absolute(),
        ca_file=options["ca_file"],
        insecure=options["insecure"],
        allow_commands=frozenset(options["commands"]),
        allow_kinds=options["kinds"],
        allow_repositories=tuple(options["repositories"]),
        restic=os.environ.get("KEEPWATCH_AGENT_RESTIC") or "restic",
        repositories_dir=repositories_dir(),
    )
