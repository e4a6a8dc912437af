"""The shipped weights read: which passage answers, and where; without them the port says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from connectors.minilm.port import SHIPPED, ReadingSettings, Unread, reader
from connectors.minilm.reader import PairReader
from connectors.weights import digest_of
from processors.ports import Asking
from streams.app.settings import Settings
from streams.app.weights import accept
from streams.flow.caching import kept
from streams.flow.errors import Retry, UserError
from streams.flow.port import Opening

FERRY = """\
# Island ferry

- A day ticket for adults costs 18 euros.
- Children under twelve sail free of charge.
- Bicycles are carried on the upper deck only.
- The last boat leaves the island at 21:40.
"""
LIBRARY = """\
Books are lent for four weeks. A book that comes back late costs 50 cents a day. Newspapers may be
read in the hall and are not lent. Readers show their card at the desk by the door.
"""
POTTERY = """\
The kiln is fired every Thursday. Glazes are mixed in the cellar, where gloves are worn. Bowls dry
for nine days before they are fired.
"""
CASES = [
    ("What does a day ticket cost?", FERRY, "A day ticket for adults costs 18 euros."),
    ("Where do bicycles go on the boat?", FERRY, "Bicycles are carried on the upper deck only."),
    ("When does the last boat leave?", FERRY, "The last boat leaves the island at 21:40."),
    ("What happens if I return a book late?", LIBRARY, "A book that comes back late costs 50"),
    ("For how long can I borrow a book?", LIBRARY, "Books are lent for four weeks."),
    ("How long must a bowl dry?", POTTERY, "Bowls dry\nfor nine days"),
    ("On which day is the kiln fired?", POTTERY, "The kiln is fired every Thursday."),
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairReader]:
    with PairReader(
        kept("models", tmp_path_factory.mktemp("models")), SHIPPED, streams=2
    ) as opened:
        yield opened


@pytest.mark.parametrize(("question", "text", "answer"), CASES)
def test_the_passage_that_answers_is_told_from_others_and_where_it_answers(
    shipped: PairReader, question: str, text: str, answer: str
) -> None:
    texts = [text, *(each for each in (FERRY, LIBRARY, POTTERY) if each is not text)]
    readings = shipped.read([Asking(question, "", each) for each in texts])
    right, *others = (reading.answers for reading in readings)
    assert right > max(others) + 1
    start, _ = readings[0].tokens[int(np.argmax(readings[0].starts))]
    begin = text.index(answer)
    assert begin - len("- ") <= start < begin + len(answer)


def test_a_passage_reads_the_same_alone_and_among_others(shipped: PairReader) -> None:
    askings = [Asking(question, "Leaflet", text) for question, text, _ in CASES]
    together = shipped.read(askings * 3)
    for number, asking in enumerate(askings):
        (alone,) = shipped.read([asking])
        assert together[number].answers == pytest.approx(alone.answers, abs=0.1)
        assert together[number].tokens == alone.tokens
        assert len(alone.starts) == len(alone.ends) == len(alone.tokens)


def test_what_is_too_long_is_read_from_its_beginning(shipped: PairReader) -> None:
    (reading,) = shipped.read([Asking("What does a day ticket cost?", "", FERRY + LIBRARY * 50)])
    assert 100 < len(reading.tokens) < 352
    start, end = reading.tokens[int(np.argmax(reading.starts))]
    assert "ticket" in FERRY[start : end + 40]


def test_nothing_to_read_is_read(shipped: PairReader) -> None:
    assert shipped.read([]) == []
    (reading,) = shipped.read([Asking("What?", "", "")])
    assert list(reading.tokens) == []


def test_it_is_named_by_its_weights(shipped: PairReader) -> None:
    assert shipped.model == digest_of(SHIPPED)


def test_outside_its_context_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="enter it first"):
        PairReader(tmp_path, SHIPPED).read([Asking("a", "b", "c")])


def opened(weights: Path, data: Path, policies: Path):
    with ExitStack() as stack:
        opening = Opening(data=data, stack=stack, policies=policies)
        return reader(ReadingSettings(weights=weights), opening)


@pytest.mark.parametrize("damage", ["missing", "cut", "of another kind", "no network"])
def test_without_usable_weights_nothing_is_read_and_the_file_is_named(
    tmp_path: Path, damage: str
) -> None:
    weights = tmp_path / "reader.npz"
    if damage == "cut":
        weights.write_bytes(SHIPPED.read_bytes()[:100_000])
    elif damage == "of another kind":
        weights.write_text("not an archive")
    elif damage == "no network":
        np.savez(weights, allow_pickle=False, nothing=np.zeros(1))
    if damage != "missing":  # what a person vouched for may be no reader all the same
        accept(Settings(policies=tmp_path), "reader", weights)
    made = opened(weights, tmp_path / "data", tmp_path)
    assert isinstance(made, Unread)
    assert made.model == ""
    with pytest.raises(Retry, match=str(weights)):
        made.read([Asking("a", "b", "c")])
    with pytest.raises(UserError, match=str(weights)), PairReader(tmp_path / "data", weights):
        pass
