"""The public sets of questions, as pairs of a question and the passage that came with it."""

from __future__ import annotations

import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.lines import packed
from evaluation.research.reading.attributes import parts
from evaluation.research.reading.pairs import Pair, Span
from processors.text.sentences import split_sentences

# XQuAD measures, and has paragraphs of SQuAD's development set.
LEFT_OUT = {"squad2_half_dev", "squad2_sample"}
# Their passages give the answer away by length, or are no passages; German is not read.
UNFIT = {"contractnli_train_pairs", "omosqa_de"}
ENTITIES = {"dstc9_faq", "dstc11_faq_turns"}  # short answers about hotels and restaurants
FAQS = {"awsdocs_faq", "covid_faq_usgov", "medquad_faq", "msdocs_faq", "usgov_faq"}
SHORT = 110  # words of an answer that shares a page with another
WORDS = 150  # of a window
HELD = 12  # one passage in so many is left out of training
_TAGS = {"-lrb-": "(    ", "-rrb-": ")    ", "``": '" ', "''": '" '}  # of the same length
_ROW = re.compile(r"^[^|\n]+(?: \| [^|\n]*)+$", re.MULTILINE)


def pairs(folder: Path) -> Iterator[Pair]:
    """Of every set in `folder` that trains; the same ones each time.

    Raises:
        UserError: a set cannot be read.
    """
    for path in sorted(folder.glob("*.jsonl.gz")):
        name = path.name.removesuffix(".jsonl.gz")
        if name in LEFT_OUT | UNFIT:
            continue
        rows = list(packed(path))
        if name in ENTITIES:
            yield from _entities(name, rows)
        elif name in FAQS:
            yield from _pages(name, rows)
        else:
            for number, row in enumerate(rows):
                yield from _windows(f"{name} {number}", row)


_SMALL = frozenset(
    parts(
        """a an the is are was were do does did of to in on for with and or my i me can could will
        would what how which when where who much many be it its at by from please you your""",
        None,
    )
)


def as_typed(question: str, rng: random.Random) -> str:
    """As people in a hurry type it: key words alone, small letters, a wrong letter."""
    draw = rng.random()
    words = question.split()
    if draw < 0.07 and len(words) > 3:
        kept = [w.strip("?,.").lower() for w in words if w.lower().strip("?,.") not in _SMALL]
        return " ".join(kept) or question
    if draw < 0.12:
        at = rng.randrange(len(words)) if words else 0
        word = words[at] if words else ""
        if len(word) > 4:
            i = rng.randrange(1, len(word) - 2)
            wrong = (
                word[:i] + word[i + 1 :],
                word[:i] + word[i + 1] + word[i] + word[i + 2 :],
                word[:i] + word[i] + word[i:],
            )
            return " ".join([*words[:at], rng.choice(wrong), *words[at + 1 :]])
    return question


BULLETED = {
    "squad1_test_split",
    "squadshifts_new_wiki",
    "squadshifts_reddit",
    "squadshifts_amazon",
    "selqa",
    "hotpot_evidence",
    "qed_dev",
    "omosqa_en",
    "boolq_sample",
    "tatqa_text",
}
LINES = 14  # of a page


def bulleted(pairs: Sequence[Pair], seed: str) -> Iterator[Pair]:
    """Passages again, their sentences as points of a long page among points of other passages."""
    rng = random.Random(f"bullets {seed}")
    lines: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        name = pair.group.split()[0]
        if name in BULLETED and rng.random() < 0.2:
            lines[name] += [
                line
                for a, b in split_sentences(pair.text)
                if 4 < len((line := " ".join(pair.text[a:b].split())).split()) < 30
            ]
    for pair in pairs:
        name = pair.group.split()[0]
        if not pair.spans or name not in BULLETED or rng.random() < 0.5:
            continue
        start, end = pair.spans[0]
        said = list(split_sentences(pair.text))
        own = next(((a, b) for a, b in said if a <= start and end <= b), None)
        if own is None:
            continue
        near = [" ".join(pair.text[a:b].split()) for a, b in said if (a, b) != own]
        answer = " ".join(pair.text[slice(*own)].split())
        for right in (True, False):
            some = rng.sample(near, min(len(near), rng.randint(0, 4)))
            more = rng.sample(lines[name], min(rng.randint(3, LINES - 4), len(lines[name])))
            page = [*some, *more, *([answer] if right else [])]
            rng.shuffle(page)
            text, spans = "", list[Span]()
            for line in page:
                if rng.random() < 0.12:
                    head = " ".join(rng.choice(page).split()[:4])
                    text += f"{chr(10) if text else ''}## {head}\n"
                text += "- "
                if right and line == answer:
                    spans = [(len(text), len(text) + len(line))]
                text += f"{line}\n"
            yield replace(
                pair, text=text.rstrip(), spans=spans, mined=False, group=f"{pair.group} page"
            )


def held(text: str) -> bool:
    return zlib.crc32(text.encode()) % HELD == 0


def _windows(group: str, row: dict[str, Any]) -> Iterator[Pair]:
    """A long passage as several: those that hold the answer, and those beside them."""
    text: str = row["passage"]
    for tag, plain in _TAGS.items():
        text = text.replace(tag, plain)
    answers = row["answers"]
    spans = (
        None if answers is None else [(a["start"], a["start"] + len(a["text"])) for a in answers]
    )
    question = row["question"].strip()
    if row.get("history"):
        question = f"{row['history'][-1]} {question}"
    title = row.get("title") or ""
    title = re.sub(r"[_\s]+", " ", title) if not re.search(r"_\d+$", title) else ""
    rng = random.Random(group)
    out = held(text[:400])
    if rng.random() < 0.15:
        title = ""
    if spans is None:
        yield Pair(group, question, title, _cut(text, 0), None, held=out)
        return
    for start, end in _pieces(text, rng.randint(WORDS // 2, WORDS)):
        inside = [(a - start, b - start) for a, b in spans if start <= a and b <= end]
        if not inside and any(a < end and b > start for a, b in spans):
            continue  # the answer is cut in two
        yield Pair(group, question, title, text[start:end], inside, held=out)


def _cut(text: str, start: int) -> str:
    words = [m.end() for m in re.finditer(r"\S+", text)]
    return text[start : words[min(WORDS + 40, len(words)) - 1]] if words else text


def _pieces(text: str, most: int) -> Iterator[Span]:
    """Neighbouring sentences of at most `most` words together; the whole if it is not longer."""
    if len(text.split()) <= WORDS + 50:
        yield 0, len(text)
        return
    start = end = count = 0
    for first, last in split_sentences(text):
        size = len(text[first:last].split())
        if count and count + size > most:
            yield start, end
            start, count = first, 0
        end, count = last, count + size
    if count:
        yield start, end


def _pages(name: str, rows: list[dict[str, Any]]) -> Iterator[Pair]:
    """Questions with their answers under them: what answers is not the question that is written."""
    for number, row in enumerate(rows):
        group = f"{name} {number}"
        rng = random.Random(group)
        text, question = row["passage"].strip(), row["question"].strip()
        other = rows[(number + rng.choice((-2, -1, 1, 2))) % len(rows)]
        beside = _cut(other["passage"].strip(), 0)
        out = held(text[:400])
        if len(text.split()) > SHORT or len(beside.split()) > SHORT or rng.random() < 0.3:
            yield Pair(group, question, row.get("title") or "", _cut(text, 0), None, held=out)
            continue
        form = rng.choice(("### {q}\n{a}", "**{q}**\n{a}", "Q: {q}\nA: {a}", "{q}\n{a}"))
        own = form.replace("{q}", question).replace("{a}", text)
        more = form.replace("{q}", other["question"].strip()).replace("{a}", beside)
        before = f"{more}\n\n" if rng.random() < 0.5 else ""
        page = before + own if before else f"{own}\n\n{more}"
        start = len(before) + len(own) - len(text)
        yield Pair(group, question, "", page, [(start, start + len(text))], held=out)


def _entities(name: str, rows: list[dict[str, Any]]) -> Iterator[Pair]:
    """Answers about one place, put together to a paper about it: each question finds its own."""
    by_place: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row["answers"] is None or row["answers"]:
            text = row["answers"][0]["text"] if row["answers"] else row["passage"]
            by_place[row.get("title") or ""][text.strip()].append(row["question"].strip())
    number = 0
    for place, answers in by_place.items():
        rng = random.Random(f"{name} {place}")
        out = held(place)
        for answer, questions in answers.items():
            for question in sorted(set(questions))[:6]:
                number += 1
                group = f"{name} {number}"
                others = rng.sample(sorted(set(answers) - {answer}), k=min(5, len(answers) - 1))
                style = rng.choice(("plain", "bullets", "faq"))
                for own in (True, False):
                    lines = others[:-1] + ([answer] if own else others[-1:])
                    rng.shuffle(lines)
                    text, spans = "", list[Span]()
                    for line in lines:
                        asked = rng.choice(answers[line])
                        head = {"plain": "", "bullets": "- ", "faq": f"Q: {asked}\nA: "}[style]
                        if line == answer:
                            spans = [(len(text) + len(head), len(text) + len(head) + len(line))]
                        text += f"{head}{line}\n"
                    if text.strip():
                        yield Pair(group, question, place.title(), text.rstrip(), spans, held=out)
