"""The environment of the services: all that they are told, and no secret itself."""

import os
import socket
from collections.abc import Mapping

from cli.up.keys import Keys
from cli.up.options import Options
from shared.environment import PREFIX

LOCAL_NETWORKS = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10"
SECRETS: Mapping[str, tuple[str, ...]] = {
    "jobs": ("DATABASE_URL", "NATS_URL", "SECRET_KEY"),
    "alerts": ("DATABASE_URL", "NATS_URL"),
    "notifier": ("DATABASE_URL", "NATS_URL", "SECRET_KEY"),
    "api": ("DATABASE_URL", "NATS_URL", "SECRET_KEY", "ADMIN_TOKEN", "ADMIN_PASSWORD"),
}
# Also the client's own: an environment variable is inherited, and nobody expects it to go further.
OUR_BUSINESS = {"DATABASE_URL", "NATS_URL", "SECRET_KEY", "ADMIN_TOKEN", "ADMIN_PASSWORD", "TOKEN", "AGENT_TOKEN"}


def public_url(options: Options, environ: Mapping[str, str]) -> str:
    """What links and agents' commands start with: as the environment says, else where the gateway listens."""
    if given := environ.get("KEEPWATCH_PUBLIC_URL"):
        return given
    if options.local_url == options.url:
        return options.url
    return f"{options.url.partition('://')[0]}://{socket.gethostname()}:{options.port}"


def service_environment(service: str, options: Options, keys: Keys) -> dict[str, str]:
    """All that a service is told: settings of ours as they came, secrets as names of files."""
    told = {
        "KEEPWATCH_WEBHOOK_NETWORKS": LOCAL_NETWORKS,
        **inherited(os.environ),
        "KEEPWATCH_PUBLIC_URL": public_url(options, os.environ),
        **keys.variables(*SECRETS[service]),
    }
    if service == "api" and options.tls_cert and options.tls_key:
        told |= {"KEEPWATCH_TLS_CERT": str(options.tls_cert), "KEEPWATCH_TLS_KEY": str(options.tls_key)}
    if options.demo:
        told["KEEPWATCH_DEMO"] = "1"
    return told


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without any secret of Keepwatch's."""
    secrets = {f"{PREFIX}{name}{suffix}" for name in OUR_BUSINESS for suffix in ("", "_FILE")}
    return {name: value for name, value in environ.items() if name not in secrets}
