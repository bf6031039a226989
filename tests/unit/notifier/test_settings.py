from ipaddress import ip_network

import pytest

from services.notifier.settings import Settings
from shared.environment import SettingError, load

ENVIRON = {
    "KEEPWATCH_DATABASE_URL": "postgresql://x",
    "KEEPWATCH_NATS_URL": "nats://x",
    "KEEPWATCH_SECRET_KEY": "a key of more than thirty-two characters",
}


def test_the_rest_has_defaults():
    settings = load(Settings, ENVIRON)

    assert settings.retry_schedule == [0, 5, 60, 300, 1800, 7200, 18000, 36000, 36000]
    assert settings.webhook_networks == []


def test_lists_are_comma_separated():
    settings = load(
        Settings,
        ENVIRON | {"KEEPWATCH_RETRY_SCHEDULE": "0, 0.5,2", "KEEPWATCH_WEBHOOK_NETWORKS": "10.0.0.0/8,fd00::/8"},
    )

    assert settings.retry_schedule == [0, 0.5, 2]
    assert settings.webhook_networks == [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEEPWATCH_RETRY_SCHEDULE", "soon"),
        ("KEEPWATCH_DISABLE_AFTER_SECONDS", "0"),
        ("KEEPWATCH_DISABLE_AFTER_SECONDS", "five days"),
        ("KEEPWATCH_RETRY_SCHEDULE", "0,-1"),
        ("KEEPWATCH_RETRY_SCHEDULE", "inf"),
        ("KEEPWATCH_RETRY_SCHEDULE", "nan"),
        ("KEEPWATCH_RETRY_SCHEDULE", ","),
        ("KEEPWATCH_WEBHOOK_NETWORKS", "10.0.0.1/8"),
        ("KEEPWATCH_PUBLIC_URL", "keepwatch.example"),
        ("KEEPWATCH_CANARY_SECONDS", "-1"),
        ("KEEPWATCH_PING_URL", "https://hc.example/secret"),
        ("KEEPWATCH_SECRET_KEY", "short"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(variable, value):
    with pytest.raises(SettingError, match=f"^{variable} is malformed: .*$"):
        load(Settings, ENVIRON | {variable: value})


def test_a_ping_needs_a_canary_and_its_address_is_shown_nowhere():
    given = {"KEEPWATCH_PING_URL": "https://hc.example/secret", "KEEPWATCH_CANARY_SECONDS": "300"}
    settings = load(Settings, ENVIRON | given)

    assert settings.ping_url == "https://hc.example/secret"
    assert "hc.example" not in repr(settings)
    with pytest.raises(SettingError, match="KEEPWATCH_CANARY_SECONDS") as refused:
        load(Settings, ENVIRON | given | {"KEEPWATCH_CANARY_SECONDS": "0"})
    assert "hc.example" not in str(refused.value)
