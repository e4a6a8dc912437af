"""Any CrossEncoder in a folder as `Reranker`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from connectors.breaker import Breaker
from connectors.encoding import Dtype
from connectors.sentence_transformers.loading import device_of, library, options
from processors.models import Ranked, Scored
from streams.flow.errors import Retry, UserError
from streams.flow.port import Watch, unwatched

SETTING = "MILLRACE_RERANKER"
FAILURES, AWAY_S = 3, 10.0


class SlowError(Retry):
    """It takes longer than there is."""


class PairReranker:
    """`Reranker` in this process; entering it loads the model.

    Pairs of all questions of a call are read in batches together. What takes too long is left: it
    goes on to its end in its thread, and after three such in a row nothing is asked for a while.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        device: str = "auto",
        dtype: Dtype = "auto",
        batch: int = 32,
        tokens: int = 512,
        watch: Watch = unwatched,
    ) -> None:
        self._folder = folder
        self.model = name
        self._dtype: Dtype = dtype
        self._device, self._batch, self._tokens = device, batch, tokens
        self._breaker = Breaker(
            "reranker",
            is_away=lambda error: isinstance(error, SlowError),
            failures=FAILURES,
            away_s=AWAY_S,
            watch=watch,
        )
        self._loaded: Any = None
        self._thread: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Load it.

        Raises:
            UserError: it cannot be loaded, or gives more than one score a pair.
        """
        found = library(SETTING)
        device = device_of(self._device)
        try:
            self._loaded = found.CrossEncoder(
                str(self._folder), max_length=self._tokens, **options(device, self._dtype)
            )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"the model in {self._folder} cannot be loaded: {said}") from error
        if self._loaded.num_labels != 1:
            raise UserError(
                f"the model in {self._folder} gives {self._loaded.num_labels} scores a pair: it is "
                "no reranker"
            )
        self._thread = ThreadPoolExecutor(1, "rerank")
        self._read([("ready?", "ready")])
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._loaded = None

    def scores(self, asked: Sequence[Ranked], *, within_s: float) -> list[Scored]:
        """See `Reranker.scores`."""
        pairs = [(each.question, text) for each in asked for text in each.passages]
        if not pairs:
            return [Scored([]) for _ in asked]
        if self._thread is None:
            raise RuntimeError("a reranker reads only between entering and leaving it")
        with self._breaker.calling():
            reading = self._thread.submit(self._read, pairs)
            try:
                found = reading.result(within_s)
            except TimeoutError:
                reading.cancel()
                raise SlowError(
                    f"the reranker does not answer in time: took more than {within_s:g} s"
                ) from None
        pair = iter(found)
        scored = [[next(pair) for _ in each.passages] for each in asked]
        return [Scored([s for s, _ in each], sum(n for _, n in each)) for each in scored]

    def _read(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """The score of each pair, and how many tokens were read for it."""
        scores = self._loaded.predict(
            list(pairs), batch_size=self._batch, convert_to_numpy=True, show_progress_bar=False
        )
        first, second = ([*each] for each in zip(*pairs, strict=True))
        ids = self._loaded.tokenizer(first, second, truncation=True, max_length=self._tokens)
        return [*zip(scores.astype(float).tolist(), map(len, ids["input_ids"]), strict=True)]
