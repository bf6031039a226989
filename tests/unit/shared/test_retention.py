"""No setting lets anything go while the stream may still bring it."""

import pytest

from cli.up.demo import history
from services.alerts.settings import Settings as Alerts
from services.jobs.settings import Settings as Jobs
from services.notifier.settings import Settings as Notifier
from shared.environment import SettingError, load
from shared.retention import LEAST_DAYS
from shared.streams import MAX_AGE

GIVEN = {
    "KEEPWATCH_DATABASE_URL": "postgresql://x",
    "KEEPWATCH_NATS_URL": "nats://x",
    "KEEPWATCH_SECRET_KEY": "a secret key of at least 32 characters",
}
KEPT = [
    (Jobs, "keep_job_logs_days", 90),
    (Jobs, "keep_jobs_days", 400),
    (Alerts, "keep_alerts_days", 400),
    (Alerts, "keep_inbox_days", 30),
    (Alerts, "keep_jobs_days", 400),
    (Notifier, "keep_deliveries_days", 90),
]


@pytest.mark.parametrize(("settings", "name", "days"), KEPT)
def test_what_is_kept_and_for_how_long(settings, name, days):
    assert getattr(load(settings, GIVEN), name) == days
    assert getattr(load(settings, GIVEN | {f"KEEPWATCH_{name.upper()}": str(LEAST_DAYS)}), name) == LEAST_DAYS


@pytest.mark.parametrize(("settings", "name", "_"), KEPT)
def test_fewer_days_than_the_stream_remembers_are_refused_in_one_sentence(settings, name, _):
    assert MAX_AGE.days + 1 < LEAST_DAYS
    with pytest.raises(SettingError, match=f"^KEEPWATCH_{name.upper()} .* at least 9 days") as refused:
        load(settings, GIVEN | {f"KEEPWATCH_{name.upper()}": str(LEAST_DAYS - 1)})

    assert str(refused.value).count(".") == 1


def test_the_past_of_a_demo_is_young_enough_to_stay():
    assert all(getattr(load(settings, GIVEN), name) >= history.DAYS for settings, name, _ in KEPT)
