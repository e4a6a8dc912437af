"""A reader that is told what answers, and candidates to read."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from processors.ports import Asking, Reading
from processors.questions.evidence import asked
from processors.questions.subjects import subjects
from processors.questions.weighing import Passage, weighed
from processors.text.sentences import split_sentences
from schemas.events import Candidate


class ToldReader:
    """A `Reader`: a passage with the words told for a question answers there, no other does."""

    model = "digest"

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers = answers
        self.read_at_once: list[list[Asking]] = []
        self.fail: list[Exception] = []

    def read(self, askings: Sequence[Asking]) -> list[Reading]:
        """See `Reader`; raises what is in `fail` first."""
        if self.fail:
            raise self.fail.pop()
        self.read_at_once.append(list(askings))
        return [self._one(asking) for asking in askings]

    def _one(self, asking: Asking) -> Reading:
        tokens = [found.span() for found in re.finditer(r"\w+", asking.text)]
        answer = self._answers.get(asking.question, "\0")
        begin = asking.text.find(answer)
        inside = [begin <= start < begin + len(answer) for start, _ in tokens]
        logits = np.where(np.array(inside, bool), 8, 0).astype(np.float32)
        return Reading(6.0 if begin >= 0 else -6.0, tokens, logits, logits)


def candidate(
    text: str, title: str = "", *, doc_id: str = "", heading: str = "", score: float = 1.0
) -> Candidate:
    """All of whose sentences are as near to the question."""
    spans = split_sentences(text)
    return Candidate(
        chunk_id=f"{doc_id or title}/0",
        doc_id=doc_id or title,
        doc_version=1,
        ordinal=0,
        title=title,
        heading=heading,
        uri="",
        text=text,
        chunking="c",
        changed_at=1,
        score=score,
        scores={},
        sentences=[place for span in spans for place in span],
        sentence_scores=[0.5] * len(spans),
    )


def passages(question: str, *candidates: Candidate) -> list[Passage]:
    """Candidates while they are compared."""
    titles = [part for each in candidates for part in (each.title, *each.heading.split(" > "))]
    named = subjects(question, titles, [each.text for each in candidates])
    return [
        Passage(asked(question), question, named, rank, each, 1.0)
        for rank, each in enumerate(candidates)
    ]


def read(question: str, answer: str, *candidates: Candidate):
    """The passages, and what can be quoted of them if `answer` is what is read as the answer."""
    found = passages(question, *candidates)
    readings = ToldReader({question: answer}).read([each.asking(question) for each in found])
    return found, weighed(found, readings)
