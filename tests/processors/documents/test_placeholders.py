"""What Debezium sends for a value that was not logged, in the form that the column's type gives it.

As PostgreSQL's connector writes it, of text, bytea, text[], bytea[], int[] or date[], uuid[] and
hstore.
"""

from __future__ import annotations

import base64

import pytest

from processors.documents.debezium import PLACEHOLDER
from processors.documents.debezium_values import Encoded
from processors.documents.placeholders import stands_in

_BASE64 = base64.b64encode(PLACEHOLDER.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        PLACEHOLDER,
        _BASE64,
        Encoded(_BASE64, PLACEHOLDER),
        [PLACEHOLDER],
        [_BASE64],
        [*PLACEHOLDER.encode()],
        [Encoded(each, f"1970-04-{each - 80}") for each in PLACEHOLDER.encode()],
        ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"],  # of the placeholder's MD5
        {PLACEHOLDER: PLACEHOLDER},
    ],
)
def test_the_placeholder_is_known_in_every_form(value: object) -> None:
    assert stands_in(value, PLACEHOLDER)
    assert not stands_in(value, "<gone>")


@pytest.mark.parametrize("value", [None, 95, "", [], [95, 95], {}, {"a": PLACEHOLDER}, [{}], [[]]])
def test_a_value_is_not_taken_for_it(value: object) -> None:
    assert not stands_in(value, PLACEHOLDER)


def test_a_placeholder_beyond_ascii_is_of_signed_bytes() -> None:
    assert stands_in([-61, -91], "å")
