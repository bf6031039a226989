"""The first page of the gateway, and what it shows when somebody does not answer."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.asks.alerts import MOST_COUNTED, Alert, AlertCounts, CountAlerts, FindTrouble, Trouble, WorstFirst
from shared.asks.ask import Page
from shared.asks.channels import Channel, ChannelHealth, GetChannelsHealth, ListChannels
from shared.asks.fleet import CountFleet, Fleet, FleetCounts, FleetGroup, FleetHost, ShowFleet
from shared.asks.hosts import Host
from shared.refusal import Refusal
from shared.vocabulary import DayOutcome, HostStatus, Severity

NOW = datetime.now(UTC)
HOST, GROUP = UUID(int=1), UUID(int=2)
EVIL = "<img src=x onerror=alert(1)>"


def alert(**more) -> Alert:
    absent = (
        "message error_class last_success_at acked_at acked_by resolved_at resolved_by note resolution"
        " raised_job_id resolved_job_id"
    )
    return Alert(
        **dict.fromkeys(absent.split())
        | {
            "id": uuid4(),
            "version": 1,
            "host_id": HOST,
            "host_name": "web-01",
            "host_labels": {},
            "kind": "backup_failed",
            "dedup_key": "x",
            "source_group_id": GROUP,
            "source_group_name": "mail",
            "severity": "critical",
            "title": "web-01 / mail: backup failed",
            "hint": "Look.",
            "state": "open",
            "occurrences": 1,
            "first_seen_at": NOW,
            "last_seen_at": NOW,
        }
        | more
    )


def shown(name="web-01", **more) -> FleetHost:
    host = Host(
        id=HOST,
        name=name,
        labels={"site": "berlin"},
        status=HostStatus.ONLINE,
        last_seen_at=NOW,
        agent_version=None,
        restic_version=None,
        os=None,
        repository=None,
        offline_after_seconds=600,
        created_at=NOW,
    )
    days = [DayOutcome.SUCCEEDED] * 29 + [DayOutcome.FAILED]
    group = FleetGroup(id=GROUP, name="mail", last_success_at=NOW - timedelta(days=1), days=days, sizes=[7, 9_000])
    return FleetHost(**{"host": host, "next_run": None, "groups": [group]} | more)


def fleet(*hosts, **more) -> Fleet:
    return Fleet(items=list(hosts), today=NOW.date(), **more)


@pytest.fixture
def owners(bus):
    """Lets the owners answer for a fleet in which nothing is wrong, but for these changes."""
    calm = {
        WorstFirst: [],
        CountAlerts: AlertCounts(open=dict.fromkeys(Severity, 0), acked=0),
        FindTrouble: [],
        CountFleet: FleetCounts(hosts=dict.fromkeys(HostStatus, 0), running=0, waiting=0),
        ShowFleet: fleet(shown()),
        ListChannels: Page[Channel](items=[]),
    }

    async def answer(changes=()):
        for question, answer in (calm | dict(changes)).items():
            await bus.answer(question, answer)
        return bus

    return answer


@pytest.fixture
def look(gateway):
    """The overview as somebody who is signed in sees it."""
    cookies = []

    async def do(path="/", status=200) -> str:
        if not cookies:
            form = {"username": "admin", "password": "a-long-admin-password"}
            answer = await gateway.call("POST", "/login", token="", data=form, status=303)
            cookies.extend(each.partition(";")[0] for each in answer.headers.getall("Set-Cookie"))
        headers = {"Accept": "text/html", "Cookie": "; ".join(cookies)}
        return (await gateway.call("GET", path, token="", headers=headers, status=status)).body

    return do


async def test_nothing_wrong_is_said_calmly(owners, look):
    await owners()

    body = await look()

    assert "Nothing is wrong." in body
    assert "web-01" in body
    assert 'aria-label="Last 30 days: 29 succeeded, 1 failed; last failed on' in body


async def test_alerts_without_an_answer_leave_the_hosts_to_be_seen(bus, look):
    await bus.answer(CountFleet, FleetCounts(hosts=dict.fromkeys(HostStatus, 3), running=1, waiting=2))
    await bus.answer(ShowFleet, fleet(shown()))

    body = await look()

    assert "The alerts service does not answer right now, so what is wrong cannot be shown." in body
    assert "alerts are not marked here" in body
    assert "Nothing is wrong" not in body
    assert "web-01" in body


async def test_jobs_without_an_answer_leave_what_is_wrong_to_be_seen(bus, look):
    await bus.answer(WorstFirst, [alert()])
    await bus.answer(CountAlerts, AlertCounts(open=dict.fromkeys(Severity, 1), acked=0))

    body = await look()

    assert "The jobs service does not answer right now, so the hosts cannot be shown." in body
    assert "web-01 / mail: backup failed" in body


async def test_eight_are_shown_and_more_are_a_link(owners, look):
    await owners({WorstFirst: lambda asked: [alert() for _ in range(min(asked.limit, 9))]})

    body = await look()

    assert body.count("data-row>") == 8
    assert '<a href="/alerts?state=unresolved">These are the worst 8: see all</a>' in body


async def test_counts_lead_to_what_they_count_and_end_somewhere(owners, look):
    opened = {Severity.CRITICAL: 2, Severity.WARNING: MOST_COUNTED, Severity.INFO: 0}
    hosts = {HostStatus.ONLINE: 12_345, HostStatus.OFFLINE: 1, HostStatus.NEVER_SEEN: 0}
    counted = FleetCounts(hosts=hosts, running=4, waiting=5)
    await owners({CountAlerts: AlertCounts(open=opened, acked=3), CountFleet: counted})

    body = await look("/?part=counts")

    for address, count in {
        "/alerts?state=open&amp;severity=critical": "2",
        "/alerts?state=open&amp;severity=warning": "10,000+",
        "/alerts?state=acked": "3",
        "/hosts?status=online": "12,345",
        "/hosts?status=offline": "1",
        "/jobs?status=running": "4",
        "/jobs?status=waiting": "5",
    }.items():
        assert f'href="{address}"><strong>{count}</strong>' in body


async def test_a_channel_that_is_not_reached_is_said_here_too(owners, look):
    about = {"kind": "webhook", "config": {"url": "https://x"}, "events": ["raised"], "filter": {}, "created_at": NOW}
    channels = [
        Channel(id=UUID(int=20 + n), name=name, enabled=reason is None, disabled_reason=reason, **about)
        for n, (name, reason) in enumerate({"works": None, "fails": None, "gone": "the receiver answered 410"}.items())
    ]
    counts = {"delivered": 1, "dead": 0, "pending": 0, "last_delivered_at": None, "last_error_at": None}
    health = [
        ChannelHealth(channel_id=UUID(int=20), failed=0, last_error="long ago", **counts),
        ChannelHealth(channel_id=UUID(int=21), failed=2, last_error="the receiver answered 500", **counts),
    ]
    bus = await owners({ListChannels: Page[Channel](items=channels), GetChannelsHealth: health})

    body = await look("/?part=counts")

    assert f'<a href="/channels/{UUID(int=21)}">fails</a> is not reached: the receiver answered 500.' in body
    assert f'<a href="/channels/{UUID(int=22)}">gone</a> is disabled: the receiver answered 410.' in body
    assert "works" not in body
    (asked,) = bus.questions(GetChannelsHealth)
    assert asked.ids == [UUID(int=20), UUID(int=21)]


async def test_a_part_asks_only_for_itself(owners, look):
    bus = await owners()

    await look("/?part=wrong")
    await look("/?part=counts")

    assert bus.questions(ShowFleet) == []
    assert len(bus.questions(WorstFirst)) == len(bus.questions(CountFleet)) == 1


async def test_names_and_labels_of_others_are_text(owners, look):
    told = shown(EVIL)
    group = told.groups[0].model_copy(update={"name": EVIL})
    host = told.host.model_copy(update={"labels": {"site": EVIL}})
    await owners(
        {
            WorstFirst: [alert(title=EVIL, hint=EVIL, state="acked", acked_by=EVIL)],
            ShowFleet: fleet(told.model_copy(update={"host": host, "groups": [group]})),
        }
    )

    body = await look("/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&label=a%3D%22%3E%3Cimg%3E")

    assert "<img" not in body
    assert body.count("&lt;img src=x onerror=alert(1)&gt;") >= 7


async def test_a_label_of_another_form_is_pointed_at_and_kept(owners, look):
    await owners({ShowFleet: Refusal.invalid(("/label", "'berlin' is not of the form key=value"))})

    body = await look("/?q=web&label=berlin", status=422)

    assert "Label: &#39;berlin&#39; is not of the form key=value" in body
    assert 'value="berlin" aria-invalid="true"' in body
    assert 'name="q" type="search" value="web"' in body
    assert "Nothing is wrong." in body


async def test_a_page_that_is_gone_leads_to_the_first(owners, look):
    await owners({ShowFleet: Refusal.invalid(("/cursor", "is not a cursor of this list"))})

    body = await look("/?q=web&cursor=nonsense", status=422)

    assert '<a href="/?q=web">Start again</a>' in body


async def test_filters_and_pages_keep_each_other(owners, look):
    bus = await owners({ShowFleet: fleet(shown(), next_cursor="abc")})

    body = await look("/?q=web&label=site%3Dberlin&label=&label=env%3Dprod")

    (asked,) = bus.questions(ShowFleet)
    assert (asked.q, asked.labels) == ("web", ["site=berlin", "env=prod"])
    assert 'href="/?q=web&amp;label=site%3Dberlin&amp;label=env%3Dprod&amp;cursor=abc"' in body
    assert 'hx-get="/?q=web&amp;label=site%3Dberlin&amp;label=env%3Dprod&amp;part=fleet"' in body
    assert 'href="/?q=web&amp;label=env%3Dprod"' in body


async def test_alerts_are_marked_where_they_belong(owners, look):
    told = {"host_id": HOST, "worst_id": UUID(int=3), "worst": Severity.CRITICAL}
    group = Trouble(source_group_id=GROUP, alerts=2, acked=False, **told)
    host = Trouble(source_group_id=None, alerts=1, acked=True, **told)
    await owners({FindTrouble: [group, host]})

    body = await look("/?part=fleet")

    assert f'<a class="badge critical" href="/alerts?state=unresolved&amp;host_id={HOST}">critical' in body
    assert f'<a class="badge acked" href="/alerts/{UUID(int=3)}">acked' in body


async def test_a_fleet_without_hosts_says_what_to_do_next(owners, look):
    await owners({ShowFleet: fleet()})

    assert "Add a host" in await look()
    assert "No host is like that." in await look("/?q=nobody")


async def test_a_host_without_groups_says_so(owners, look):
    await owners({ShowFleet: fleet(shown(groups=[]))})

    assert "No source group yet: nothing of this host is backed up." in await look()


async def test_a_demo_says_that_it_is_one(owners, look):
    await owners()

    assert "This is a demo." in await look()
