"""Which tier answers, by what a question needs; and the policy that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from processors.questions.needing import Need, needed
from processors.questions.route import RouteConfig, route
from processors.questions.routing_policy import routing
from streams.app import policies
from streams.app.config import config
from streams.app.settings import Settings
from tests.support.candidates import candidate
from tests.support.question_events import question

POLICY: dict[str, Any] = yaml.safe_load((policies.SHIPPED / "routing.yaml").read_text())
RULES = routing(POLICY).rules
MODELS = {"extractive": "extractive", "local": "small", "premium": "large"}
CONFIG = RouteConfig(default_tier="local", models=MODELS, rules=RULES)


@pytest.mark.parametrize(
    ("query", "need"),
    [
        ("What is the daily limit of a Classic Debit card?", "lookup"),
        ("What does AC-2 say?", "lookup"),
        ("Which documents do I need and who signs them?", "parts"),
        ("What is the fee, and when is it due?", "parts"),
        ("How do the Gold and the Classic card differ?", "comparison"),
        ("Is a Gold card cheaper than a Classic one?", "comparison"),
        ("Was ist der Unterschied zwischen Gold und Classic?", "comparison"),
        ("Why was the transfer refused?", "reasoning"),
        ("What happens if the customer dies before the term ends?", "reasoning"),
        ("A loan of 900 at 5 % for 3 years with 2 free months costs what?", "reasoning"),
        ("Which is right?\nA. One\nB. Two", "reasoning"),
    ],
)
def test_what_is_asked_tells_what_is_needed(query: str, need: Need) -> None:
    assert needed(query).need == need


def found(cosine: float) -> list[Any]:
    return [replace(candidate("x"), scores={"dense": cosine, "sentence": cosine - 0.1})]


def test_a_question_goes_by_its_need_its_length_and_what_was_found() -> None:
    lookup = question("What is the limit?")
    assert route(lookup, found(0.7), CONFIG) == ("local", "small", "lookup (routing-1)")
    assert route(lookup, found(0.1), CONFIG) == (
        "premium",
        "large",
        "lookup, found with 0.10 (routing-1)",
    )
    long = question("word " * 120)
    assert route(long, found(0.7), CONFIG).why == "lookup in 120 words (routing-1)"
    compared = route(question("Compare both cards"), found(0.7), CONFIG)
    assert compared == ("premium", "large", "comparison (routing-1)")


def test_a_tier_that_is_not_configured_is_the_default_and_says_so() -> None:
    few = replace(CONFIG, models={"extractive": "extractive", "local": "small"})
    assert route(question("Compare both cards"), found(0.7), few) == (
        "local",
        "small",
        "comparison, and premium is not configured (routing-1)",
    )


def test_a_tenant_of_its_own_tier_is_not_routed() -> None:
    own = replace(CONFIG, tenant_tiers={"acme": "premium"})
    assert route(question("What is the limit?"), found(0.7), own).why == "its tenant's"


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"needs": POLICY["needs"] | {"lookup": "A B"}}, "name of a tier"),
        ({"needs": {"lookup": "local"}}, "parts"),
        ({"long": {"words": 0, "tier": "premium"}}, "number of words"),
        ({"unsure": {"below": 2, "tier": "premium"}}, "-1 to 1"),
        (
            {"cascade": {"local": "premium", "premium": "local"}},
            "circle: local to premium to local",
        ),
        ({"frob": 1}, "frob"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_by_name(change: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        routing(POLICY | change)


def test_the_cascade_and_the_rules_hold_where_routing_is_on_and_tiers_are_there() -> None:
    tier = {"url": "http://127.0.0.1:9", "model": "m"}
    settings = Settings(tiers={"local": tier, "premium": tier}, tier="local", routing=True)
    made = config(settings)
    assert made.route.rules == RULES
    local = made.tiers["local"].grounded
    assert local is not None and local.escalate == ("premium", "m")
    off = config(settings.model_copy(update={"routing": False})).tiers["local"].grounded
    assert off is not None and off.escalate is None
