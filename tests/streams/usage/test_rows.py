"""Rows of windows: a record changes one once, however often it comes again."""

from __future__ import annotations

import json
import random

import pytest
from pydantic import SecretStr

from processors.money.tenancy import tenancy
from streams.app.alerts import Alerts, name_of
from streams.app.settings import Settings
from streams.app.standing import stood
from streams.edge.costs import Recorded
from streams.edge.reconciling import DAY_MS, Apart, oldest, reconciled
from streams.flow.errors import UserError
from streams.runtime.access import BrokerSettings
from streams.runtime.codec import Codec
from streams.runtime.telemetry import REGISTRY
from streams.usage import rows
from streams.usage.changelogs import KEPT_DAYS, windows
from streams.usage.reading import credentials
from streams.usage.rows import Counted
from streams.usage.windows import usage_app
from tests.streams.edge.test_costs import DAY, NOON, call

CALLS = [
    Counted(call(number, tokens=number, at=NOON + number * 3_600_000), number % 3, number // 3)
    for number in range(60)
]


def again(rng: random.Random) -> list[Counted]:
    """Each partition in order, from a former offset on after each of several kills."""
    found: list[Counted] = []
    for partition in range(3):
        own = [each for each in CALLS if each.partition == partition]
        at = 0
        while at < len(own):
            end = rng.randint(at, len(own))
            found += own[at:end]
            at = end if end == len(own) else max(0, end - rng.randint(0, 7))
    return found


def test_sums_are_those_of_each_record_once_though_a_worker_dies_again_and_again() -> None:
    rng = random.Random(3)
    once, spent_once = rows.empty(), rows.nothing_spent()
    for each in CALLS:
        once, spent_once = rows.added(once, each), rows.spent(spent_once, each)
    assert (once["calls"], once["input"]) == (60, sum(range(60)))
    for _ in range(20):
        row, spent = rows.empty(), rows.nothing_spent()
        for each in again(rng):
            row, spent = rows.added(row, each), rows.spent(spent, each)
            row = json.loads(json.dumps(row))  # as it comes back from its changelog
        assert row == once
        assert spent["days"] == spent_once["days"] and spent["seen"] == once["seen"]


def test_a_period_is_summed_from_days_and_an_hour_by_itself() -> None:
    row = rows.nothing_spent()
    for number, at in enumerate((NOON, NOON + 1, NOON + DAY, NOON + 30 * DAY)):
        row = rows.spent(row, Counted(call(number, at=at), 0, number))
    one = call(0).used.cost_nanos
    assert one is not None
    day = NOON - 12 * 3_600_000
    assert rows.in_period(row, NOON, NOON + 3_600_000) == 2 * one
    assert rows.in_period(row, day, day + DAY) == 2 * one
    assert rows.in_period(row, day - 4 * DAY, day + 26 * DAY) == 3 * one
    assert row["hours"] == {"2026-11-05T12": 2 * one, "2026-11-06T12": one, "2026-12-05T12": one}


def test_windows_are_held_against_events_and_what_they_have_not_read_is_told_apart() -> None:
    calls = [Recorded(call(n, at=NOON + n), 0, n) for n in range(5)]
    row = rows.empty()
    for each in calls[:3]:
        row = rows.added(row, Counted(each.event, 0, each.offset))
    key = json.dumps([Counted(calls[0].event, 0, 0).key, [NOON // DAY * DAY / 1000, 0]]).encode()
    gone = json.dumps(["acme\tembed\tm", [0.0, 86400.0]]).encode()
    found = windows([(gone, b"{}"), (key, b"null"), (key, json.dumps(row).encode()), (gone, None)])
    held = reconciled(calls, found, 0)
    assert (held.windows, held.waiting, held.apart) == (1, 2, ())
    wrong = windows([(key, json.dumps(row | {"output": 31}).encode())])
    assert reconciled(calls, wrong, 0).apart == (
        Apart("acme", "generate", "m", NOON // DAY * DAY, "output", 31, 30),
    )
    assert reconciled(calls, wrong, NOON + 1) == reconciled([], windows([]), 0)


def test_limits_are_told_of_before_and_when_they_are_reached_once_a_period() -> None:
    policy = tenancy({"tenants": {"acme": {"budget": {"period": "day", "soft": 8, "hard": 10}}}})
    alerts = Alerts()

    def told(spent: float, at: int = NOON) -> list[str]:
        def spent_in(begin: int, end: int) -> int:
            return int(spent * 10**9)

        state = stood("acme", policy, spent_in, at, partition=0, offset=0)
        assert state is not None
        return alerts.tell(state, name_of("acme", policy.listed))

    assert [told(each) for each in (6.3, 6.4, 7, 8, 9, 10, 11)] == [
        [], ["near soft"], [], ["near hard", "soft"], [], ["hard"], []
    ]  # fmt: skip
    assert told(6.4, NOON + DAY) == ["near soft"]
    assert name_of("stranger", policy.listed) == "other"


def test_a_limit_that_was_reached_is_shown_until_its_period_ends() -> None:
    policy = tenancy({"tenants": {"ended": {"budget": {"period": "day", "hard": 10}}}})
    moment = [NOON / 1000]
    alerts = Alerts(lambda: moment[0])
    state = stood("ended", policy, lambda _begin, _end: 10**10, NOON, partition=0, offset=0)
    assert state is not None
    alerts.tell(state, "ended")

    def shown() -> float | None:
        return REGISTRY.get_sample_value(
            "millrace_budget_reached", {"tenant": "ended", "limit": "hard"}
        )

    assert shown() == 2
    moment[0] += DAY / 1000  # this process has not heard of the tenant since
    assert shown() == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}, "says 'OAUTHBEARER'"),
        ({"security.protocol": "SASL_PLAINTEXT"}, "no sasl.mechanism"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere"}, "cannot be read"),
        ({"security.protocol": "SSL", "ssl.crl.location": "x"}, "`usage` has no ssl.crl.location"),
    ],
)
def test_security_that_faust_cannot_have_is_refused(options: dict[str, str], why: str) -> None:
    with pytest.raises(UserError, match=why):
        credentials(options)


def test_a_password_signs_in_as_librdkafka_does() -> None:
    found = credentials({
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "u",
        "sasl.password": "p",
        "socket.keepalive.enable": "true",
    })  # fmt: skip
    assert (found.username, found.password, found.mechanism.value) == ("u", "p", "SCRAM-SHA-512")
    assert credentials({}) is None


def test_windows_are_compared_for_as_long_as_they_are_kept() -> None:
    now = NOON // DAY_MS * DAY_MS + 5
    assert (now - 5 - oldest(now)) // DAY_MS == KEPT_DAYS - 1


def test_the_windows_sign_in_as_every_worker_does() -> None:
    broker = BrokerSettings(user="u", password=SecretStr("hush"))
    settings = Settings(bootstrap_servers="127.0.0.1:9", broker=broker)
    app = usage_app(settings, Codec(), lambda: tenancy({}), 1, lambda: None)
    signed = app.conf.broker_credentials
    assert (signed.username, signed.password) == ("u", "hush")
    assert signed.mechanism.value == "SCRAM-SHA-512"
