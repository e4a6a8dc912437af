"""What a worker asks of the broker before it takes a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from processors.places import DOCUMENTS
from schemas.events import DocumentFed
from schemas.topics import DOCS_DLQ, DOCS_FEED, RAG_FEEDBACK, document_key
from streams.flow.errors import UserError
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import Topic
from streams.runtime import kafka
from streams.runtime.settings import RuntimeSettings

OTHER = Topic("docs.other", DocumentFed, document_key)


@dataclass
class Counted:
    """An admin client of a broker whose topics have these numbers of partitions."""

    counts: dict[str, int] = field(default_factory=dict[str, int])

    def list_topics(self, timeout: float) -> Any:
        topics = {
            name: SimpleNamespace(partitions=range(count)) for name, count in self.counts.items()
        }
        return SimpleNamespace(topics=topics)


def _reading(*topics: Topic[Any]) -> Stage:
    return record_stage(
        "pair",
        reads=cast("list[Topic[Any]]", topics),
        make=lambda _: lambda event: [event],
        writes=Topic("out", DocumentFed, document_key),
        dead_letters=DOCS_DLQ,
        place=DOCUMENTS,
    )


def test_topics_read_together_are_refused_where_their_partitions_differ_in_number() -> None:
    client: Any = Counted({"docs.feed": 4, "docs.other": 6})
    said = (
        "stage pair reads docs.feed of 4 and docs.other of 6 partitions, and one key has to be in "
        "the same of both: give docs.feed 6 partitions"
    )
    with pytest.raises(UserError, match=said):
        kafka.check_counts(client, [_reading(DOCS_FEED, OTHER)])
    kafka.check_counts(client, [_reading(DOCS_FEED), _reading(OTHER)])
    client.counts["docs.feed"] = 6
    kafka.check_counts(client, [_reading(DOCS_FEED, OTHER)])


def test_a_topic_that_is_not_there_yet_is_not_refused() -> None:
    client: Any = Counted({"docs.feed": 4})
    kafka.check_counts(client, [_reading(DOCS_FEED, OTHER)])


def test_only_a_stage_that_joins_events_has_the_same_partitions_of_each_topic() -> None:
    assert not _reading(DOCS_FEED, OTHER).joins
    assert _reading(DOCS_FEED, RAG_FEEDBACK).joins
    settings = RuntimeSettings(bootstrap_servers="b:1")
    strategy = "partition.assignment.strategy"
    assert kafka.consumer_options(settings, "g", joins=True)[strategy] == "range"
    assert kafka.consumer_options(settings, "g")[strategy] == "cooperative-sticky"
