"""Times in ids and in what people say."""

from __future__ import annotations

import pytest

from processors.questions.admit import assigned_request_id
from streams.edge.moments import moment, new_request_id, time_of
from streams.flow.errors import UserError

NOW = 1_795_812_891_802


def test_a_request_id_tells_when_it_was_made() -> None:
    ids = {new_request_id(NOW) for _ in range(1000)}
    assert len(ids) == 1000
    assert {time_of(each) for each in ids} == {NOW}
    assert time_of(assigned_request_id("rag.requests/0/7", NOW)) == NOW


@pytest.mark.parametrize("other", ["", "order-7", "1b4e28ba-2fa1-41d2-883f-0016d3cca427"])
def test_any_other_id_tells_no_time(other: str) -> None:
    assert time_of(other) is None


def test_a_moment_is_a_span_before_now_or_a_time() -> None:
    assert moment("90m", NOW) == NOW - 90 * 60_000
    assert moment(" 7 d", NOW) == NOW - 7 * 86_400_000
    assert moment("2026-05-04", NOW) == moment("2026-05-04T02:00+02:00", NOW) == 1_777_852_800_000
    assert moment("99999d", NOW) == 0
    with pytest.raises(UserError, match="'soon' is no time: say 90m"):
        moment("soon", NOW)
