"""What models cost by the events, and an invoice held against them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from schemas.events import UsageRecorded
from schemas.money import spelled
from streams.cli.costs import _print as print_costs
from streams.edge.costs import BY, added
from streams.edge.invoices import Difference, differences, invoice
from streams.flow.errors import UserError
from tests.support.prices import PRICES

NOON = 1_793_880_000_000  # 2026-11-05T12:00:00Z
DAY = 86_400_000


def call(
    number: int, *, model: str = "m", tokens: int = 100, at: int = NOON, user: str | None = None
) -> UsageRecorded:
    used = PRICES.used("generate", model, tokens, 10, 4)
    return UsageRecorded(
        usage_id=f"u{number}", tenant="acme", user=user, subject="r", used=used, at=at
    )


def test_sums_are_to_the_token_and_what_has_no_price_is_told_apart() -> None:
    calls = [call(1), call(2, tokens=7), call(3, model="new"), call(3, model="new"), call(4)]
    found = added(calls, BY["model"])
    assert (found.repeated, found.total.calls, found.total.unpriced) == (1, 4, 1)
    one = found.rows["m"]
    assert (one.calls, one.input_tokens, one.cached_tokens, one.output_tokens) == (3, 207, 12, 30)
    assert one.cost_nanos == 195 * 2000 + 12 * 500 + 30 * 10_000
    assert found.rows["new"].cost_nanos == 0
    assert [*added([call(1), call(2, at=NOON + DAY)], BY["day"]).rows] == [
        "2026-11-05",
        "2026-11-06",
    ]


@pytest.mark.parametrize(
    ("nanos", "said"),
    [
        (0, "0.000000"),
        (1, "0.000000001"),
        (-2_500_000_000, "-2.500000"),
        (10**9 + 1200, "1.0000012"),
    ],
)
def test_money_is_spelled_exactly(nanos: int, said: str) -> None:
    assert spelled(nanos) == said


def test_an_invoice_that_says_the_same_has_no_difference_and_another_names_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "invoice.csv"
    file.write_text(
        "\ufeffDate,Model Name,prompt_tokens,completion_tokens,Amount\n"
        '2026-11-05,m-2026,"1,000",10,$0.00\n'
        "2026-11-05,m-2026,200,5,0.000500\n"
    )
    lines = invoice(file, {"model": "model name", "cost": "Amount"}, {"m-2026": "m"})
    calls = [call(1, tokens=1200), call(2, model="bag", tokens=0), call(3, at=NOON + DAY)]
    told = differences(lines, calls)
    assert [(each.what, each.invoice, each.events) for each in told if each.model == "m"] == [
        ("output_tokens", 15, 10),
        ("cost", 500_000, 1196 * 2000 + 4 * 500 + 100_000),
    ]
    file.write_text("day,model,input_tokens,output_tokens\n2026-11-05T23:59:59Z,m,100,10\n")
    assert differences(invoice(file, {}, {}), [call(1)]) == []
    assert differences(invoice(file, {}, {}), [call(1), call(1)]) == []  # a replay's
    file.write_text("day,model,input_tokens\n2026-11-05,m,100\n2026-11-05,lost,3\n")
    assert differences(invoice(file, {}, {}), [call(1), call(2, model="own")]) == [
        Difference("2026-11-05", "lost", "input_tokens", 3, 0),
        Difference("2026-11-05", "own", "input_tokens", 0, 100),
    ]


def test_a_user_whose_name_is_markup_is_a_line_as_any_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_costs(added([call(1, user="[/bold][red]")], BY["user"]), "user")
    assert "[/bold][red]" in capsys.readouterr().out


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    "day",
    [
        "2026-11-05", "20261105", "2026-11-05 23:30:00", "2026-11-05T00:10",
        "2026-11-06T01:00+02:00", "1793880000", "1793880000000",
    ],
)  # fmt: skip
def test_a_day_is_of_utc_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        file = tmp_path / "invoice.csv"
        file.write_text(f"day,model,cost\n{day},m,1\n")
        assert [*invoice(file, {}, {})] == [("2026-11-05", "m")]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("said", "nanos"),
    [
        ("1234.5", 1_234_500_000_000), ('"1,234.50"', 1_234_500_000_000), ("-$5", -5_000_000_000),
        ("1.2e-05", 12_000), (".5", 500_000_000), ("", 0),
    ],
)  # fmt: skip
def test_amounts_are_read_as_they_are_written(tmp_path: Path, said: str, nanos: int) -> None:
    file = tmp_path / "invoice.csv"
    file.write_text(f"day,model,cost\n2026-11-05,m,{said}\n")
    assert invoice(file, {}, {})["2026-11-05", "m"].said["cost"] == nanos


def test_a_column_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "invoice.csv"
    file.write_text("day,model,cost,prompts\n2026-11-05,m,1,7\n")
    with pytest.raises(UserError, match="--column names 'input_token'; it must be one of day"):
        invoice(file, {"input_token": "prompts"}, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('day,model,cost\n2026-11-05,m,"0,50"\n', "'0,50' is no cost: write it like 1234.56"),
        ("day,model,cost\n2026-11-05,m,1e999999\n", "'1e999999' is no cost"),
        ("day,model,cost\n2026-11-05,m,Infinity\n", "'Infinity' is no cost"),
        ("day,model,cost\n2026-11-05,m,.\n", "'.' is no cost"),
        ("day,model,cost\n9999999999999999,m,1\n", "is no day: write it like 2026-05-04"),
        ("day,model,cost\n0001-01-01T00:00+14:00,m,1\n", "is no day"),
        ("a,b\n1,2\n", "has no column for day and model; it has a, b: say which"),
        ("day,model\n2026-11-05,m\n", "neither tokens nor a cost"),
        ("day,model,cost\n2026-11-05,m,much\n", "line 2: 'much' is no cost"),
        ("day,model,cost\nsome day,m,1\n", "line 2: 'some day' is no day"),
        ("day,model,cost\n2026-11-05,m,NaN\n", "line 2: 'NaN' is no cost"),
        ("day,model,cost\n", "has no lines"),
        ('day,model,cost\n"2026', "is no CSV"),
    ],
)
def test_a_file_that_is_no_invoice_is_refused_by_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "invoice.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=why):
        invoice(file, {}, {})
