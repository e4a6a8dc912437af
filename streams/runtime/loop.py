"""The steps of a worker's session: take records, give them to the lanes, commit what is done.

Whatever goes wrong, nothing is committed that was not produced, and what was not committed is
read again.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Sequence

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streams.runtime import forbidden, kafka
from streams.runtime.ahead import ReadAhead
from streams.runtime.context import Context
from streams.runtime.ends import END, Ends
from streams.runtime.faults import unreadable
from streams.runtime.in_flight import Batch, InFlight, Place, Progress, place_of
from streams.runtime.lanes import Lanes
from streams.runtime.orders import Orders
from streams.runtime.outages import (
    CONSUMER_LOST,
    DRAIN_S,
    FENCED,
    REBALANCING,
    Fenced,
    HopelessError,
    UnheldError,
    patiently,
)
from streams.runtime.record import Record
from streams.runtime.stalling import Stalling
from streams.runtime.state import Keeper
from streams.runtime.suspects import Suspects
from streams.runtime.telling import Telling
from streams.runtime.undecodable import CODES, Undecodable
from streams.runtime.writing import Writing

log = logging.getLogger("millrace.worker")

IDLE_POLL_S = 0.2
SLOW_POLL_S = 0.02  # how long what a slow lane has done may wait to be committed
BUSY_POLL_S = 0.004  # how long a new record may wait while another is in work
FULL_POLL_S = 1.0
# Fewer records came than were committed last: how long to wait for more, for each of those.
GATHER_S = 0.001
GATHER_MOST_S = 0.01
RESTORE_S = 2.0  # of that, for state that is being restored: a successor goes on with what is read
IN_FLIGHT_BYTES = 8 * 1024 * 1024
MOST_ASIDE = 10_000  # records that wait for slow lanes: some 12 MB without their values

HOPELESS = 20  # transactions aborted in a row before the worker stops for all to see


class Loop:
    """One session of a stage: a pair of clients, the lanes, and what is in flight between them."""

    def __init__(
        self,
        context: Context,
        consumer: Consumer,
        producer: Producer,
        lanes: Lanes,
        keeper: Keeper | None = None,
        ahead: ReadAhead | None = None,
        orders: Orders = lambda _: {},
    ) -> None:
        self._settings = context.settings
        self._metrics = context.metrics
        self._stopping = context.stopping
        self._ready = context.ready
        self._reach = context.reach
        self._mirrored = context.mirrored
        self._held = context.held
        self._disk = context.room
        self._stage = context.stage.name
        self._group = f"{context.settings.group_prefix}.{self._stage}"
        self._most = context.stage.max_batch or context.settings.max_batch
        self._consumer = consumer
        self._undecodable = Undecodable(consumer)
        self._writing = Writing(context, consumer, producer, keeper)
        self._lanes = lanes
        self._keeper = keeper
        self._ahead = ahead
        self._telling = Telling(context, consumer, ahead)
        self._in_flight = InFlight()
        self._suspects = Suspects(
            context, self._in_flight, lanes.process, lanes.reports.put, self._note, orders
        )
        self._ends = Ends(self._in_flight, self._committed, self._note, self._mirrored)
        self._stalling = Stalling(self._stage, self._in_flight, orders, self._settings.stalled_s)
        self._owned: set[Place] = set()
        self._went: set[Place] = set()  # while messages were gathered
        self._paused = False
        self._full_since = 0.0
        self._failure: BaseException | None = None
        self._dead = False  # nothing may be committed any more: something before it was not
        self._aborts = 0  # in a row
        self._company = 1  # records of the last transaction
        self._more = False  # perhaps was done than it could hold

    def stuck(self) -> bool:
        """Whether a call has not returned for so long that it never will (asked by a thread)."""
        return self._writing.stuck()

    def stalled(self) -> bool:
        """Whether it has held records for long and done none (asked by a thread)."""
        return self._stalling.stalled()

    def step(self) -> None:
        """Take what there is, commit what is done."""
        if not self._held():
            raise UnheldError("what this stage works on is another process's for now")
        if self._in_flight.records == 0 and self._room():
            self._await_report(0)  # of slow lanes
            self._take(self._poll(SLOW_POLL_S if self._in_flight.aside else IDLE_POLL_S))
        else:
            # More may be done than the last transaction held. Only one at a time: lanes that have
            # nothing left while several are committed lose that time.
            busy = (
                self._room()
                or self._suspects.waiting
                or (self._ahead is not None and self._ahead.reading)
            )
            wait = BUSY_POLL_S if busy else FULL_POLL_S
            self._await_report(0.0 if self._more else wait)
            self._take(self._poll(0.0) if self._room() else self._keep_membership())
        self._lanes.put(self._suspects.step())
        self._commit_next()
        self._ends.step()
        self._stalling.look()
        self._telling.in_hand(self._in_flight.records)
        self._telling.lag(self._owned)
        if self._ahead is not None:
            self._ahead.read()

    def drain(self) -> None:
        """Finish what is in flight, as far as that goes in the time a shutdown may take."""
        until = time.monotonic() + DRAIN_S
        self._consumer.pause(self._consumer.assignment())
        while self._in_flight.records > self._suspects.waiting and time.monotonic() < until:
            restoring = self._keeper is not None and self._keeper.restoring
            if restoring and time.monotonic() > until - DRAIN_S + RESTORE_S:
                break
            self._await_report(0.1)
            self._suspects.step()
            self._commit_done()
            # So that no other member's rebalance waits for us. What it may give is the successor's.
            self._consumer.poll(0)
        self._suspects.notes.take_back(self._owned)
        self._ends.flush()  # last: of a partition that gave nothing, it may be refused by now

    def close(self) -> None:
        self._suspects.close()

    # Taking

    def _room(self) -> int:
        if self._in_flight.bytes >= IN_FLIGHT_BYTES or self._in_flight.aside >= MOST_ASIDE:
            return 0
        if not self._disk():
            return 0
        return max(0, self._settings.max_in_flight - self._in_flight.records)

    def _poll(self, timeout: float) -> list[Record]:
        """`consume` would wait out its time-out for a full batch; so wait with `poll`."""
        self._resume()
        first = self._consumer.poll(timeout)
        self._went.clear()
        messages = [] if first is None else [first]
        if first is not None and first.error() is None:
            most = min(self._lanes.ahead * self._most, self._room())
            messages += self._consumer.consume(most - 1, 0)
            records = sum(each.error() is None for each in messages)  # the others tell of ends
            missing = min(self._company - records, most - len(messages))
            if missing > 0:
                # What one transaction wrote becomes visible partition by partition, some
                # milliseconds apart. Who takes the first part alone leaves the others waiting for a
                # whole transaction: batches fall apart from stage to stage, and each costs one.
                messages += self._consumer.consume(missing, min(missing * GATHER_S, GATHER_MOST_S))
                messages += self._consumer.consume(most - len(messages), 0)
        if self._went & self._owned:
            # What was given before is to come again, and a later message would take it along.
            raise Fenced("a partition went and came back while it was read")
        return self._read(messages)

    def _read(self, messages: Sequence[Message]) -> list[Record]:
        """Messages as records; raises what a callback could not raise, and Fenced."""
        if self._failure is not None:
            raise self._failure
        records: list[Record] = []
        for message in messages:
            error = message.error()
            if error is None:
                records.append(kafka.received(message))
            elif error.code() == END:
                place = message.topic() or "", message.partition() or 0
                if place in self._owned:
                    self._ends.told(place, message.offset() or 0)
            elif error.fatal() or error.code() in CONSUMER_LOST:
                raise Fenced(error.str())
            elif error.code() in CODES:
                if (offset := self._undecodable.passed(message)) is not None:
                    records.append(unreadable(message, offset, error.str()))
            else:
                forbidden.check(self._settings, message, self._group)
                told = {"stage": self._stage, "reason": error.str()}
                log.warning("the broker reports", extra=told)
        return records

    def _keep_membership(self) -> list[Record]:
        """Poll without taking anything: a slow processor must not get its worker evicted."""
        now = time.monotonic()
        self._full_since = self._full_since or now
        if now - self._full_since < FULL_POLL_S:
            return []
        # Each time anew, since a rebalance may have brought partitions that are not paused. What
        # one of them gives nevertheless has to be taken: it will not come a second time.
        self._consumer.pause(self._consumer.assignment())
        self._paused = True
        message = self._consumer.poll(0)
        return self._read([] if message is None else [message])

    def _resume(self) -> None:
        self._full_since = 0.0
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False

    def _take(self, records: list[Record]) -> None:
        # A record of a partition that was revoked in the same poll is its next owner's.
        owned = [record for record in records if place_of(record) in self._owned]
        if owned:
            self._reach("after_poll")
            if self._ahead is not None:
                self._ahead.taken(owned)
            fresh = self._in_flight.add(owned, self._committed)
            self._telling.in_hand(self._in_flight.records)
            if begun := self._in_flight.begun():
                self._suspects.begin(begun)
            self._lanes.put(self._suspects.divert(fresh))
            self._await_report(0.0)  # they may have been processed at once

    def _committed(self, places: Sequence[Place]) -> dict[Place, Progress]:
        """How far these partitions were read before they came to us.

        Asked when they give their first record: their offsets are settled by then, and nobody but
        us may commit others.
        """
        found: list[TopicPartition] = []

        def ask(timeout: float) -> None:
            found[:] = self._consumer.committed([TopicPartition(*each) for each in places], timeout)

        patiently(self._stopping, ask)
        known: dict[Place, Progress] = {}
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
            if each.offset >= 0:
                known[each.topic, each.partition] = Progress.read(each.offset, each.metadata)
        if self._mirrored is not None:
            for place, progress in known.items():
                self._mirrored.bring(self._group, place, progress, self._going)
        return known

    def _going(self) -> None:
        if self._stopping.is_set() or not self._held():
            raise Fenced("what is in the store is not known")

    def _await_report(self, timeout: float) -> None:
        try:
            report = self._lanes.reports.get(timeout=timeout)
            while True:
                if isinstance(report, BaseException):
                    raise report
                if isinstance(report, Record):
                    self._in_flight.put_aside(report)
                else:
                    self._in_flight.done(report)
                report = self._lanes.reports.get_nowait()
        except queue.Empty:
            return

    # Committing

    def _commit_done(self) -> None:
        while self._commit_next():
            pass

    def _commit_next(self) -> bool:
        """Commit what is done, as far as one transaction holds it; whether anything was."""
        # After an abort one record at a time, so that one that is refused holds up no other.
        most = 1 if self._aborts > 1 else self._most
        batch = Batch((), {}) if self._dead else self._in_flight.ready(most)
        self._more = len(batch.records) == most
        if not batch.records:
            return False
        self._reach("after_process")
        try:
            self._writing.commit(batch, watched=self._aborts > 0)
        except BaseException as error:
            # Whatever happens next, none of their keys may be committed before these records.
            if not isinstance(error, KafkaException):
                self._dead = True
                raise
            self._recover(error)
            return False
        self._in_flight.settled(batch)
        if self._keeper is not None:
            self._keeper.settled(batch.records)
        if self._mirrored is not None:
            self._mirrored.settled(batch.progress)
        self._aborts = 0
        self._company = len(batch.records)
        self._telling.committed(batch.records, self._in_flight)
        return True

    def _note(self, progress: dict[Place, Progress]) -> bool:
        """Commit what is noted of these partitions, and nothing else; whether that went through."""
        if self._dead:
            return False
        try:
            self._writing.note(progress)
        except KafkaException as error:
            self._recover(error)
            return False
        return True

    def _recover(self, error: KafkaException) -> None:
        """Abort and try again later, results kept.

        Raises:
            Fenced: these clients can do nothing more.
            HopelessError: the broker refuses the same records again and again.
        """
        cause: KafkaError = error.args[0]
        self._metrics.aborts.inc()
        if cause.fatal() or cause.code() in FENCED:
            self._dead = True
            raise Fenced(cause.str()) from error
        log.warning("transaction aborted", extra={"stage": self._stage, "reason": cause.str()})
        try:
            self._writing.abort()
        except KafkaException as failure:
            self._dead = True
            raise Fenced(kafka.reason(failure)) from error
        if cause.code() not in REBALANCING:
            self._aborts += 1
        if refused := self._writing.refusals.final(self._aborts):
            self._lanes.process.refused(*refused)
        if self._aborts >= HOPELESS:
            self._dead = True
            raise HopelessError(f"{self._stage} cannot write: {cause.str()}") from error
        self._stopping.wait(min(1.0, 0.05 * 2**self._aborts))

    # Rebalancing: called back from inside poll

    def assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.update((place.topic, place.partition) for place in partitions)
        self._ready.set()

    def revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._await_report(0)
            self._commit_done()
            self._suspects.notes.take_back((place.topic, place.partition) for place in partitions)
        except Exception as failure:  # must not be raised through librdkafka
            self._failure = failure
            self._dead = True
        self._forget(partitions)

    def lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(partitions)

    def _forget(self, partitions: list[TopicPartition]) -> None:
        for where in [(place.topic, place.partition) for place in partitions]:
            self._owned.discard(where)
            self._went.add(where)
            self._in_flight.drop(where)
            self._ends.let_go(where)
            self._suspects.let_go(where)
            if self._keeper is not None:
                self._keeper.let_go(where[1])
            self._metrics.partition_gone(*where)
        try:
            # librdkafka keeps a pause beyond the assignment: back here, it would never be read.
            self._consumer.resume(partitions)
        except KafkaException as error:
            log.debug("not resumed", extra={"reason": kafka.reason(error)})
