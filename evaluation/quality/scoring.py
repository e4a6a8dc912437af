"""RAGAS scores of a reply, by an OpenAI-compatible model or by the local judge.

The local judge stands in for the model: ragas' own metric classes run unchanged, ask it what they
would ask a model, and compute their scores from its verdicts. Only the prompts differ, since it
reads their inputs as they are. It cannot write questions, so that answer relevancy compares the
question with what of it the answer takes up.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, Self

from connectors.minilm.embedder import MiniLM
from evaluation.quality.asking import Reply
from evaluation.quality.dataset import Item
from evaluation.quality.judge import LocalJudge
from evaluation.quality.judging import words
from evaluation.quality.remote_judge import RemoteModel, reason
from processors.text.sentences import split_sentences
from streams.app.ports import JudgeSettings
from streams.app.settings import Settings
from streams.flow.errors import UserError

METRICS = ("faithfulness", "answer_relevancy", "context_recall", "context_precision")
SUPPORTED = 0.5  # probability of support from which the local judge's verdict is "supported"
TAKEN_UP = 0.5  # cosine from which a word of the question has a word of the answer like it


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one reply: what could be measured, and why the rest could not."""

    values: dict[str, float] = field(default_factory=dict[str, float])
    unmeasured: dict[str, str] = field(default_factory=dict[str, str])


def _ragas(module: str) -> Any:
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # scores and their times are nobody else's
    try:
        return import_module(f"ragas.{module}")
    except ImportError as error:
        raise UserError(
            f"ragas cannot be imported ({error}): `make evaluate` installs what it needs"
        ) from error


class Embeddings:
    """all-MiniLM-L6-v2 as ragas wants embeddings."""

    def __init__(self, encoder: MiniLM) -> None:
        self._encoder = encoder

    def embed_text(self, text: str, **_: Any) -> list[float]:
        return self._encoder.embed_queries([text])[0].tolist()

    async def aembed_text(self, text: str, **_: Any) -> list[float]:
        return self.embed_text(text)

    async def aembed_texts(self, texts: list[str], **_: Any) -> list[list[float]]:
        return self._encoder.embed_queries(texts).tolist()


class Verbatim:
    """A prompt that is its inputs, for a judge that needs no instruction."""

    def to_string(self, data: Any) -> str:
        return data.model_dump_json()


class LocalModel:
    """The local judge in a model's place: answers what ragas' metrics ask about one question."""

    def __init__(self, judge: LocalJudge, question: str) -> None:
        self._judge = judge
        self._question = question
        self._answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "StatementGeneratorOutput": self._statements,
            "NLIStatementOutput": self._verdicts,
            "AnswerRelevanceOutput": self._question_of,
            "ContextRecallOutput": self._attributions,
            "ContextPrecisionOutput": self._usefulness,
        }

    def generate(self, prompt: str, response_model: Any) -> Any:
        answer = self._answers[response_model.__name__](json.loads(prompt))
        return response_model.model_validate(answer)

    async def agenerate(self, prompt: str, response_model: Any) -> Any:
        return self.generate(prompt, response_model)

    def _supported(self, claims: list[str], context: str) -> list[tuple[int, str]]:
        found = self._judge.support([(claim, context) for claim in claims]).tolist()
        return [(int(p >= SUPPORTED), f"support {p:.2f}") for p in found]

    def _statements(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"statements": sentences(data["answer"])}

    def _verdicts(self, data: dict[str, Any]) -> dict[str, Any]:
        verdicts = self._supported(data["statements"], data["context"])
        return {
            "statements": [
                {"statement": statement, "reason": reason, "verdict": verdict}
                for statement, (verdict, reason) in zip(data["statements"], verdicts, strict=True)
            ]
        }

    def _question_of(self, data: dict[str, Any]) -> dict[str, Any]:
        question, answer = words.read(self._judge.encoder, [self._question, data["response"]])
        if not question.lower or not answer.lower:
            return {"question": data["response"], "noncommittal": 0}
        near = (question.vectors @ answer.vectors.T).max(1)
        stems = set(answer.stems)
        kept = [
            word
            for i, word in enumerate(question.lower)
            if not question.content[i] or question.stems[i] in stems or near[i] >= TAKEN_UP
        ]
        return {"question": " ".join(kept) or data["response"], "noncommittal": 0}

    def _attributions(self, data: dict[str, Any]) -> dict[str, Any]:
        statements = sentences(data["answer"])
        verdicts = self._supported(statements, data["context"])
        return {
            "classifications": [
                {"statement": statement, "reason": reason, "attributed": verdict}
                for statement, (verdict, reason) in zip(statements, verdicts, strict=True)
            ]
        }

    def _usefulness(self, data: dict[str, Any]) -> dict[str, Any]:
        ((verdict, reason),) = self._supported([data["answer"]], data["context"])
        return {"reason": reason, "verdict": verdict}


def sentences(text: str) -> list[str]:
    """The sentences of an answer that say anything."""
    found = (text[start:end] for start, end in split_sentences(text))
    return [each for each in found if any(c.isalnum() for c in each)]


class Scorer:
    """Scores replies by the judge that the settings choose; `name` says which that is.

    A context manager: a remote judge's connections belong to one event loop, which ends with it.
    """

    def __init__(self, settings: Settings, local: LocalJudge) -> None:
        self._metrics = _ragas("metrics.collections")
        self._local = local
        self._embeddings = Embeddings(local.encoder)
        _ragas("embeddings.base").BaseRagasEmbedding.register(Embeddings)
        for model in (LocalModel, RemoteModel):
            _ragas("llms.base").InstructorBaseRagasLLM.register(model)
        self._remote: RemoteModel | None = None
        self._runner = asyncio.Runner()
        self.name = local.name
        remote = settings.of(JudgeSettings)
        if remote.url:
            self._remote = RemoteModel(remote, _ragas("llms").llm_factory)
            self.name = self._remote.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._remote is not None:
            self._runner.run(self._remote.close())
        self._runner.close()

    def score(self, item: Item, reply: Reply) -> Scores:
        """All metrics of a reply to an answerable question; what fails is named, not raised."""
        scores = Scores()
        for name, ask in self._asks(item, reply).items():
            why = _unaskable(name, item, reply) or (self._remote.lost if self._remote else "")
            value = math.nan
            if not why:
                try:
                    value = float(self._runner.run(ask()).value)
                except Exception as error:  # whatever a judge does, the next question is asked
                    why = reason(error)
            if not why and math.isnan(value):
                why = "undetermined"
            if why:
                scores.unmeasured[name] = why
            else:
                scores.values[name] = min(max(value, 0.0), 1.0)
        if reply.status == "abstained" and item.answerable:
            scores.values["answer_relevancy"] = 0.0  # as ragas scores what commits to nothing
            scores.unmeasured.pop("answer_relevancy", None)
        return scores

    def _asks(self, item: Item, reply: Reply) -> dict[str, Callable[[], Any]]:
        model = self._remote or LocalModel(self._local, item.question)
        make = partial(self._metric, model)
        faithfulness = make("Faithfulness")
        # Embedded by the same model either way, so that scores of judges compare.
        relevancy = make(
            "AnswerRelevancy", embeddings=self._embeddings, strictness=self._strictness
        )
        return {
            "faithfulness": partial(
                faithfulness.ascore, item.question, reply.response, reply.contexts
            ),
            "answer_relevancy": partial(
                relevancy.ascore, item.question, self._read_by_a_person(reply)
            ),
            "context_recall": partial(
                make("ContextRecall").ascore, item.question, reply.contexts, item.reference
            ),
            "context_precision": partial(
                make("ContextPrecision").ascore, item.question, item.reference, reply.contexts
            ),
        }

    @property
    def _strictness(self) -> int:
        return 3 if self._remote else 1  # the local judge says the same three times

    def _metric(self, model: Any, name: str, **options: Any) -> Any:
        metric = getattr(self._metrics, name)(llm=model, **options)
        if not self._remote:
            for prompt in ("prompt", "statement_generator_prompt", "nli_statement_prompt"):
                with suppress(AttributeError):
                    getattr(metric, prompt)
                    setattr(metric, prompt, Verbatim())
        return metric

    @staticmethod
    def _read_by_a_person(reply: Reply) -> str:
        """The answer under the titles of what it cites, as it is shown."""
        cited = {c.chunk_id for c in reply.answer.citations} if reply.answer else set[str]()
        titles = [f"{c.title}. {c.heading}" for c in reply.chunks if c.chunk_id in cited]
        return "\n".join([*dict.fromkeys(titles), reply.response])


def _unaskable(name: str, item: Item, reply: Reply) -> str:
    """Why a metric has nothing to measure; empty where it has."""
    if name.startswith("context") and not item.reference.strip():
        return "no reference"
    if reply.error:
        return reply.error
    if name in ("faithfulness", "answer_relevancy") and not reply.response.strip():
        return "no answer was given"
    if name != "answer_relevancy" and not reply.contexts:
        return "no chunk was retrieved"
    return ""
