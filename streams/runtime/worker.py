"""The worker: stages in one process, each a thread that goes from Kafka to Kafka in transactions.

poll -> lanes process -> begin, produce, send offsets, commit -> poll
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from confluent_kafka import KafkaError, KafkaException

from streams.flow.port import Opened
from streams.flow.stage import Stage, Subscription
from streams.runtime import forbidden, kafka
from streams.runtime.ahead import ReadAhead
from streams.runtime.changelog import KafkaChangelog
from streams.runtime.codec import Codec
from streams.runtime.context import Context, nobody
from streams.runtime.credentials import Certificates
from streams.runtime.ends import TELLS_ENDS
from streams.runtime.failpoints import failpoint
from streams.runtime.lanes import Lanes
from streams.runtime.loop import Loop
from streams.runtime.mirroring import Mirrored
from streams.runtime.orders import leave, orders
from streams.runtime.outages import Fenced, UnheldError, patiently
from streams.runtime.precedence import Precedence
from streams.runtime.processing import Processing
from streams.runtime.quiet import Quiet
from streams.runtime.refused import Heard, why
from streams.runtime.restoring import Tables
from streams.runtime.room import Room
from streams.runtime.settings import RuntimeSettings
from streams.runtime.spans import Spans
from streams.runtime.state import Keeper
from streams.runtime.table import BrokenTableError
from streams.runtime.telemetry import StageMetrics
from streams.runtime.versions import Versions

log = logging.getLogger("millrace.worker")

RECOVERY_S = 0.5
UNHELD_S = 0.1
# A worker is fenced now and then: it slept longer than its transaction may take, or the broker was
# restarted. One that is fenced again and again has a living namesake, and one of them must go.
FENCED_OFTEN = 4
FENCED_WITHIN_S = 60.0

# Of the producer, against librdkafka issue 5511: where all brokers were away for a moment, a
# "rebootstrap" forgets the group coordinator and sending offsets to a transaction never returns.
_PATIENT = {"metadata.recovery.strategy": "none"}


# Containers made between two looks for garbage cycles, and looks between two wider ones. Events are
# trees, which need no such look, and CPython's own 700 are few: it took a third of a worker's time.
_COLLECTION = (50_000, 20, 50)


def collect_seldom() -> None:
    """Leave what there is now out of all further looks for garbage cycles, and look seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION)


def transactions_of(group: str) -> str:
    """What the transactional ids of all workers of a consumer group begin with, and no other's."""
    return f"{group}/"


class SupersededError(Exception):
    """Another worker of the same name keeps fencing this one."""


class StageWorker:
    """Runs one subscription of a stage until it is stopped; `run` is the whole life of one thread.

    `name` tells workers of one stage apart and is stable: a successor of that name fences the
    worker before it. With `static` it also takes its partitions over without a rebalance. `of` is
    the first subscription unless given. Those of one process share their `precedence` and
    `quiet`, and those of one stage what they know of `versions`. It works only while `held`, and
    takes what nobody waits for only while there is `room`.
    """

    def __init__(
        self,
        stage: Stage,
        ports: Opened,
        settings: RuntimeSettings,
        codec: Codec,
        spans: Spans,
        *,
        name: str,
        static: bool = False,
        of: Subscription | None = None,
        precedence: Precedence | None = None,
        versions: Versions | None = None,
        quiet: Quiet | None = None,
        mirrored: Mirrored | None = None,
        held: Callable[[], bool] = lambda: True,
        room: Room | None = None,
    ) -> None:
        self.stage = stage
        self._of = of or stage.subscriptions[0]
        self.name = self._of.group
        self._precedence = precedence or Precedence()
        self._versions = versions or Versions()
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        metrics = StageMetrics(self.name)
        self._settings = settings
        self._with = (stage, ports, codec, settings, metrics, spans)
        # With a store it is each session's own.
        self._processing = None
        if stage.store is None:
            self._processing = Processing(*self._with, versions=self._versions)
        self._group = f"{settings.group_prefix}.{self.name}"
        self._identity = f"{self._group}.{name}"
        self._transactional_id = f"{transactions_of(self._group)}{name}"
        self._static = static
        self._stopping = threading.Event()
        self._fenced: deque[float] = deque(maxlen=FENCED_OFTEN)
        self._loop: Loop | None = None
        waited_for = stage.promise is not None  # by somebody who asked
        reach = failpoint(settings.failpoint, stage.name, settings.data)
        given_up = nobody if mirrored is None else leave(settings, self._group)
        self._context = Context(
            stage,
            settings,
            metrics,
            reach,
            self._stopping,
            self.ready,
            self._holds_live,
            quiet or Quiet(),
            mirrored,
            lambda: waited_for or room is None or not room.short(),
            given_up=given_up,
            held=held,
        )

    def stop(self) -> None:
        """Ask the loop to finish what is in flight, commit and leave."""
        self._stopping.set()

    def stuck(self) -> bool:
        """Whether the loop hangs in a call that should have returned long ago."""
        loop = self._loop
        return loop is not None and loop.stuck()

    def stalled(self) -> bool:
        """Whether the stage has held records for long and done none."""
        loop = self._loop
        return loop is not None and loop.stalled()

    def run(self) -> None:
        """Work until stopped.

        Raises what a processor raised that is neither Retry nor Reject, SupersededError, and
        ForbiddenError where the broker does not allow what it has to do.
        """
        while not self._stopping.is_set():
            if not self._context.held():
                self._stopping.wait(UNHELD_S)
                continue
            try:
                with ExitStack() as stack:
                    self._session(stack)
            except UnheldError as error:
                log.warning("stands by", extra={"stage": self.name, "reason": str(error)})
            except (Fenced, BrokenTableError, KafkaException) as error:
                self.ready.clear()
                said = kafka.reason(error) if isinstance(error, KafkaException) else str(error)
                log.warning("clients made anew", extra={"stage": self.name, "reason": said})
                again = isinstance(error, Fenced)
                self._stopping.wait(self._fenced_again(said) if again else RECOVERY_S)
            finally:
                self._loop = None

    def _fenced_again(self, said: str) -> float:
        """How long to wait before the next session, after this one was fenced."""
        now = time.monotonic()
        self._fenced.append(now)
        recent = sum(now - moment < FENCED_WITHIN_S for moment in self._fenced)
        if recent == FENCED_OFTEN:
            raise SupersededError(
                f"{self._identity} was fenced {recent} times in a minute ({said}); another worker "
                "of this name took its place: give each a MILLRACE_WORKER of its own"
            )
        return RECOVERY_S * 2 ** (recent - 1)

    def _session(self, stack: ExitStack) -> None:
        """One life of a pair of clients: join, work, drain, leave."""
        keeper = self._keeper(stack)
        processing = keeper or self._processing
        assert processing is not None
        certificates = Certificates(self._settings.broker.certificates)
        options = kafka.producer_options(self._settings, self._transactional_id)
        producer = kafka.new_producer(_PATIENT | options | {"error_cb": self._told})
        try:
            patiently(self._stopping, producer.init_transactions)
        except KafkaException as error:
            if (code := error.args[0].code()) in forbidden.CODES:
                name = self._transactional_id
                raise forbidden.forbidden(self._settings, code, name) from error
            raise
        instance = self._identity if self._static else ""
        consumer = kafka.new_consumer(
            kafka.consumer_options(self._settings, self._group, instance, joins=self.stage.joins)
            | TELLS_ENDS
            | {"error_cb": self._told}
        )
        stack.callback(consumer.close)
        wait = self._precedence.wait if self._of.bulk else None
        quiet = self._context.quiet
        lanes = Lanes(self.stage, processing, self._settings, wait, self._versions, quiet)
        stack.callback(lanes.stop)
        ahead = None
        if self.stage.supersede is not None:
            ahead = ReadAhead(self._settings, self._group, self._versions)
            stack.callback(ahead.close)
        asked = orders(self._settings, self._group)
        loop = self._loop = Loop(self._context, consumer, producer, lanes, keeper, ahead, asked)
        stack.callback(loop.close)
        consumer.subscribe(
            [topic.name for topic in self._of.topics],
            on_assign=loop.assigned,
            on_revoke=loop.revoked,
            on_lost=loop.lost,
        )
        stack.callback(self._holds_live, False)
        lanes.start()
        while not self._stopping.is_set() and not certificates.renewed():
            loop.step()
        loop.drain()

    def _told(self, error: KafkaError) -> None:
        """Of a client, by librdkafka: being let in by no broker looks like their being away."""
        heard = Heard()
        heard.told(error)
        if said := why(self._settings, heard.refused):
            log.warning("the broker refuses us", extra={"stage": self.name, "reason": said})

    def _keeper(self, stack: ExitStack) -> Keeper | None:
        """The stage's state, for one session: what is not committed at its end is forgotten."""
        stage, settings = self.stage, self._settings
        if stage.store is None:
            return None
        changelog = KafkaChangelog(stage, settings)
        folder = settings.data / "state" / f"{self._group}.{stage.store.name}"
        _, _, codec, _, metrics, _ = self._with
        reach = self._context.reach
        tables = Tables(stage, codec, metrics, changelog, folder, reach=reach)
        keeper = Keeper(*self._with, tables)
        stack.callback(keeper.close)
        return keeper

    def _holds_live(self, holds: bool) -> None:
        if not self._of.bulk:
            self._precedence.live(self, holds)


class Worker:
    """Several stages in one process. A bug in one stops them all: nothing half-working is left."""

    def __init__(self, stages: Sequence[StageWorker]) -> None:
        self.stages = stages
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(stage,), name=stage.name) for stage in stages
        ]

    def start(self) -> None:
        collect_seldom()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for stage in self.stages:
            stage.stop()
        self._ended.set()

    def ready(self) -> bool:
        """Whether every stage has its assignment."""
        return all(stage.ready.is_set() for stage in self.stages)

    def stuck(self) -> list[str]:
        """Names of the stages that hang, and that no stop can end."""
        return [stage.name for stage in self.stages if stage.stuck()]

    def broken(self) -> list[str]:
        """Names of the stages that hang or have ended: a successor has to go on."""
        threads = zip(self.stages, self._threads, strict=True)
        ended = {stage.name for stage, each in threads if each.ident and not each.is_alive()}
        return sorted({*ended, *self.stuck()})

    def stalled(self) -> list[str]:
        """Names of the stages that get nowhere with what they hold."""
        return [stage.name for stage in self.stages if stage.stalled()]

    def wait(self, timeout: float) -> bool:
        """Whether a stop was asked for, or a stage failed, within `timeout` seconds."""
        return self._ended.wait(timeout)

    def alive(self) -> bool:
        """Whether any stage has yet to end."""
        return any(thread.is_alive() for thread in self._threads)

    def join(self) -> list[BaseException]:
        """Wait for all stages to end; returns what ended them, where that was a bug."""
        for thread in self._threads:
            thread.join()
        return [stage.failure for stage in self.stages if stage.failure is not None]

    def wait_ready(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while not self.ready() and time.monotonic() < until and not self._ended.is_set():
            time.sleep(0.02)
        return self.ready()

    def _run(self, stage: StageWorker) -> None:
        try:
            stage.run()
        except BaseException as bug:
            stage.failure = bug
            log.exception("stage failed", extra={"stage": stage.name})
            self.stop()
