"""`policies/answering.yaml` as the configuration of `generate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from processors.questions.certainty import threshold
from processors.questions.generate import AnswerConfig
from schemas.validation import Written, expected, validated

_Passages = Annotated[int, Field(strict=True, ge=0, le=10), expected("a whole number, 0 to 10")]
_AtOnce = Annotated[int, Field(strict=True, ge=0, le=500), expected("a whole number, 0 to 500")]
_Precision = Annotated[float, Field(strict=True, ge=0.5, le=0.99), expected("a number, .5 to .99")]


class _File(Written):
    """Everything stands in the file, so that it can be read without the code."""

    version: str
    precision: _Precision
    passages: _Passages
    at_once: _AtOnce
    reader_sha256: str


def answer_config(policy: Mapping[str, Any], *, abstain_below: float) -> AnswerConfig:
    """The configuration that the policy says; `abstain_below` is for what nothing was read of.

    Raises:
        ValueError: a key is missing or unknown, or a value is out of range.
    """
    file = validated(_File, policy)
    return AnswerConfig(
        abstain_below=abstain_below,
        sure=threshold(file.precision),
        passages=file.passages,
        at_once=file.at_once,
        reader=file.reader_sha256,
    )
