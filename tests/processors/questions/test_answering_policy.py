"""`policies/answering.yaml`: what it may say, and what is refused by name."""

from __future__ import annotations

import pytest
import yaml

from connectors.minilm.port import SHIPPED
from connectors.weights import digest_of
from processors.questions.answering_policy import answer_config

POLICY = yaml.safe_load((SHIPPED.parents[1] / "answering.yaml").read_text())


def test_the_shipped_policy_pins_the_shipped_weights() -> None:
    config = answer_config(POLICY, abstain_below=0.5)
    assert config.reader == digest_of(SHIPPED)
    assert (config.passages, config.at_once) == (POLICY["passages"], POLICY["at_once"])


def test_the_more_precise_the_more_evidence_is_needed() -> None:
    wanted = [0.5, 0.65, 0.8, 0.9, 0.99]
    sure = [answer_config(POLICY | {"precision": p}, abstain_below=0.5).sure for p in wanted]
    assert sure == sorted(sure)
    assert sure[0] < sure[-1] <= 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"precision": 0.3}, "precision"),
        ({"precision": 1.0}, "precision"),
        ({"precision": "high"}, "precision"),
        ({"passages": -1}, "passages"),
        ({"passages": 2.5}, "passages"),
        ({"passages": 11}, "passages"),
        ({"at_once": True}, "at_once"),
        ({"at_once": 501}, "at_once"),
        ({"reader_sha256": 7}, "reader_sha256"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_out_of_range_or_unknown_is_refused_by_name(
    changed: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        answer_config(POLICY | changed, abstain_below=0.5)


@pytest.mark.parametrize("key", ["version", "precision", "passages", "at_once", "reader_sha256"])
def test_what_is_missing_is_named(key: str) -> None:
    left = {name: value for name, value in POLICY.items() if name != key}
    with pytest.raises(ValueError, match=key):
        answer_config(left, abstain_below=0.5)
