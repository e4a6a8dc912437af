from __future__ import annotations

import pytest

from processors.guard.access import Access
from processors.guard.decision import UNAVAILABLE, decision

ALLOWED = {"allow": True, "refused": [], "version": "v1"}


def test_a_decision_names_rule_version_and_hash() -> None:
    refused = [{"rule": "query-length", "says": "it is long"}]
    found = decision({"allow": False, "refused": refused, "version": "v1"}, "abc")
    assert not found.allowed
    assert found.reasons == ["it is long (rule query-length, policy v1@abc)"]
    assert found.rules == "query-length"


def test_a_filter_and_positions_are_read() -> None:
    said = {**ALLOWED, "classes": ["a"], "groups": ["*", "b"], "dropped": [2, 1.0], "shown": []}
    found = decision(said, "abc")
    assert found.allowed
    assert found.access == Access(frozenset({"a"}), frozenset({"*", "b"}))
    assert found.dropped == (1, 2)


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "allow",
        {},
        {"allow": "true", "refused": []},
        {"allow": 1, "refused": []},
        {**ALLOWED, "refused": [{"rule": "x"}]},
        {**ALLOWED, "refused": "none"},
        {**ALLOWED, "refused": [{"rule": "x", "says": 1}]},
        {**ALLOWED, "classes": "abc"},
        {**ALLOWED, "groups": [["*"]]},
        {**ALLOWED, "shown": ["a"]},
        {"allow": True, "refused": [{"rule": "x", "says": "no"}]},
    ],
)
def test_what_is_unclear_is_refused_and_finds_nothing(said: object) -> None:
    found = decision(said, "abc")
    assert not found.allowed
    assert found.reasons
    assert not found.access.allows([], ["*"])


def test_a_refusal_without_a_rule_is_still_told() -> None:
    found = decision({"allow": False, "refused": []}, "abc")
    assert [each.rule for each in found.refusals] == ["default"]
    assert [each.rule for each in decision(None, "abc").refusals] == [UNAVAILABLE]
