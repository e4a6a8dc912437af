"""What is refused of a topology before anything is opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.app.topology import checked
from streams.flow.errors import UserError
from tests.support.counting import counting


def test_two_stages_with_one_consumer_group_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="the stages 'count' and 'count' have one consumer group"):
        checked([replace(counting(), store=None)] * 2)


def test_two_stages_that_keep_state_in_one_topic_are_refused_by_its_name() -> None:
    stages = [counting(), replace(counting(), name="again")]
    with pytest.raises(UserError, match=r"two stages keep state in test\.counts"):
        checked(stages)


def test_a_stage_whose_state_would_be_in_two_groups_is_refused_by_name() -> None:
    live, other = counting().reads
    stage = replace(counting(), reads=(live, replace(other, bulk=True)))
    with pytest.raises(UserError, match="stage count keeps state and reads a bulk topic"):
        checked([stage])
