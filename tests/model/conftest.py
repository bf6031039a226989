"""One world for all examples, and the loop that everything in it belongs to."""

import asyncio
import logging
from urllib.parse import urlsplit

import pytest
import structlog

from shared.migrate import migrate_database
from tests.model.world import open_world


@pytest.fixture(scope="session")
def migrated_template(empty_database_of) -> str:
    """The two services that the model is about."""
    url = empty_database_of()
    migrate_database(url, ("alerts", "notifier"))
    return urlsplit(url).path[1:]


@pytest.fixture(autouse=True)
def quiet():
    """A line per decision is too much for hundreds of thousands; a counterexample says what happened."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def runner():
    with asyncio.Runner() as one:
        yield one


@pytest.fixture
def world(runner, database_url, nats_url):
    opened = open_world(database_url, nats_url)
    yield runner.run(opened.__aenter__())
    runner.run(opened.__aexit__(None, None, None))
