"""What is told of a text while it is written: whole sentences, each looked at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest

from processors.questions import telling
from processors.questions.supporting import cited
from processors.questions.telling import Telling
from schemas.events import PartialAnswer
from tests.support.question_events import question

SAID = (
    "The limit is 600 euros [1]. It is raised once a year. [2]\nAsk Mr. Gold for 3.5 more [1, 2]."
)


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, event: PartialAnswer) -> None:
        self.texts.append(event.text.strip())


def test_pieces_give_the_sentences_and_numbers_that_the_whole_text_has() -> None:
    checked: list[tuple[str, list[int]]] = []

    def check(sentence: str, numbers: Sequence[int]) -> bool:
        checked.append((sentence, [*numbers]))
        return True

    heard = Heard()
    tell = Telling(question("q"), "t", heard, check, lambda: 0)
    for piece in re.findall(r"\s*\S+", f"{SAID} And so on."):
        tell(piece)
    assert checked == [*cited(SAID)]
    assert heard.texts == [sentence for sentence, _ in cited(SAID)]


def test_a_long_text_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def counting(text: str) -> Iterable[tuple[str, list[int]]]:
        looked.append(len(text))
        return cited(text)

    monkeypatch.setattr(telling, "cited", counting)
    tell = Telling(question("q"), "t", Heard(), lambda _s, _n: True, lambda: 0)
    for _ in range(200):
        tell("Yes it is. ")
    assert sum(looked) < 2 * 200 * len("Yes it is. ")
