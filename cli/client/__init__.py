"""The client commands: everything the HTTP API can do, by names and short ids, from a terminal or a script."""

import click

from cli.client.alerts import alerts
from cli.client.channels import channels
from cli.client.dead_letters import dead_letters
from cli.client.deliveries import deliveries
from cli.client.fake_alert import fake_alert
from cli.client.hosts import hosts
from cli.client.jobs import jobs
from cli.client.repositories import repositories
from cli.client.tokens import tokens

COMMANDS: list[click.Command] = [
    alerts,
    jobs,
    hosts,
    repositories,
    channels,
    deliveries,
    dead_letters,
    tokens,
    fake_alert,
]
