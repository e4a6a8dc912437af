"""The supervisor behind `millrace up`: broker, Redis and workers, started and kept running."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from typing import Self

import psutil

from streams.app.ports import RedisSettings, TiersSettings
from streams.app.settings import Settings
from streams.flow.errors import MillraceError, UserError
from streams.local import users
from streams.local.archive import Archiving
from streams.local.broker import Broker
from streams.local.child import Service, unwritable
from streams.local.daemon import detach
from streams.local.prepare import Preparation, Prepared
from streams.local.prometheus import NAME, Prometheus, executable, port_of
from streams.local.redis import RedisServer
from streams.local.state import (
    STOP_TIMEOUT_S,
    ProcessState,
    StackState,
    down,
    only_supervisor,
    state_file,
    status,
    write_state,
)
from streams.local.worker_process import Process, WorkerProcess, environment, run_command

__all__ = ["Stack", "detach", "down", "environment", "status"]

Progress = Callable[[str], None]

READY_TIMEOUT_S = 180.0  # an overloaded machine may take 90 s for the broker alone
TICK_S = 0.2
STEADY_S = 30.0  # who lived this long died anew: restart it at once
BACKOFF_MAX_S = 10.0
# Of a worker, before `start` gives up: a record that kills it is a dead letter after five.
DEATHS_AT_START = 7
USER_ERROR_EXIT = 2

log = logging.getLogger("millrace.stack")


class _StopRequestedError(MillraceError):
    """The stack was asked to stop before it was ready."""


class _Watched:
    """A service, and what the supervisor remembers of it."""

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self.service = service
        self.state = "starting"
        self.restarts = 0
        self.deaths = 0  # in a row, each within seconds of its start
        self.born = time.monotonic()
        self.due = 0.0  # when to start it again, while it waits

    def start(self) -> None:
        self.state = "starting"
        self.born = time.monotonic()
        self.service.start()

    def died(self) -> None:
        now = time.monotonic()
        self.deaths = 1 if now - self.born > STEADY_S else self.deaths + 1
        delay = 0.0 if self.deaths == 1 else min(BACKOFF_MAX_S, 0.5 * 2 ** (self.deaths - 2))
        self.state, self.due = "waiting", now + delay

    def recorded(self) -> ProcessState:
        service = self.service
        return ProcessState(
            self.name, service.pid, service.created, self.state, self.restarts, str(service.log)
        )


class Stack:
    """The embedded stack on one data folder. The constructor opens nothing.

    As a context manager it is ready on entry. Where the settings name a broker or a Redis of the
    user's own, that one is used and none is started.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker_command: Callable[[Process], Sequence[str]] = run_command,
        prepared: Callable[[Settings], Prepared] | None = None,
    ) -> None:
        self._data = settings.data.absolute()
        self.settings = settings.model_copy(update={"data": self._data})
        self._worker_command = worker_command
        self._prepared = prepared
        self._progress: Progress = lambda _: None
        self._phase = "starting"
        self._watched: list[_Watched] = []
        self._written: StackState | None = None
        self._warned = ""
        self._operator = ""
        self._resources = ExitStack()
        self._stopping = threading.Event()
        self._monitor: threading.Thread | None = None

    def start(self, on_progress: Progress = lambda _: None) -> None:
        """Starts everything and returns once it is ready; `settings` then holds the addresses.

        Raises:
            UserError: another stack runs here, or a part cannot be started; nothing is left behind.
        """
        self._progress = on_progress
        try:
            if self.settings.observe:
                executable()  # before anything is started
            self._resources.enter_context(only_supervisor(self._data))
            self._write_state()
            prepare = self._prepared or self._resources.enter_context(Preparation(self.settings))
            self._start_servers()
            self._say("creating topics")
            made = prepare(self.settings)
            if made.operator:
                self._operator = made.operator
                self.settings = users.being(self.settings, made.operator)
            self._start_workers(made.processes)
        except BaseException:
            self.stop()
            raise
        self._say("ready")
        for watched in self._watched:
            if isinstance(watched.service, Broker) and watched.service.archive:
                archiving = Archiving(self.settings, watched.service.archive)
                self._resources.enter_context(archiving)
        self._monitor = threading.Thread(target=self._keep_running, name="monitor", daemon=True)
        self._monitor.start()

    def stop(self) -> None:
        """Workers first, then Redis, then the broker; idempotent."""
        self._stopping.set()
        if self._monitor is not None:
            self._monitor.join()
            self._monitor = None
        services = [watched.service for watched in self._watched]
        workers = [service for service in services if isinstance(service, WorkerProcess)]
        for worker in workers:
            worker.ask_to_stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in workers:
            worker.stop(max(0.0, deadline - time.monotonic()))
        for service in reversed(services):
            service.stop(STOP_TIMEOUT_S)
        if self._written is not None:
            self._written = None
            with contextlib.suppress(OSError):
                state_file(self._data).unlink(missing_ok=True)
        self._watched.clear()
        self._resources.close()

    def run_forever(self, on_progress: Progress = lambda _: None) -> None:
        """Starts the stack unless it runs, blocks until SIGTERM, SIGINT or SIGHUP, and stops it.

        Raises:
            UserError: as `start`.
        """
        with _signals(self._stopping):
            try:
                if self._monitor is None:
                    self.start(on_progress)
                self._stopping.wait()
            except _StopRequestedError:
                pass
            finally:
                self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_servers(self) -> None:
        broker, redis = None, list[tuple[str, RedisServer]]()
        if not self.settings.bootstrap_servers:
            if self.settings.kafka_secure:
                self.settings = users.being(self.settings, users.ADMIN)
            broker = Broker(self.settings, lambda: self._say("fetching broker jars (once)"))
            self._say("starting broker")
            self._add("broker", broker)
        elif self.settings.kafka_secure:
            raise UserError(
                "--secure is of the embedded broker, and MILLRACE_BOOTSTRAP_SERVERS names another: "
                "leave one of them out"
            )
        if not self.settings.of(RedisSettings).url:
            kept = self.settings.of(RedisSettings).kept_url
            redis.append(("url", RedisServer(self.settings)))
            redis += [] if kept else [("kept_url", RedisServer(self.settings, kept=True))]
            self._say("starting redis")
            for _, each in redis:
                self._add(each.what, each)
        self._await_ready()
        found: dict[str, str | int] = {}
        if broker:
            found["bootstrap_servers"] = broker.bootstrap_servers
            if self._one_partition():
                found["partitions"] = 1
        self.settings = self.settings.model_copy(update=found)
        urls = {name: each.url for name, each in redis}
        self.settings = self.settings.having(RedisSettings, **urls)
        self._write_state()

    def _one_partition(self) -> bool:
        """Whether topics that nobody asked to be divided get one partition.

        Here is one worker of each stage: more partitions would only cut its batches and
        transactions to pieces, at a fifth of the questions per second. Behind a model that answers
        in its own time they are worth it, since what is done waits for what is not in its own
        partition only.
        """
        generates = self.settings.of(TiersSettings).all
        return not ("partitions" in self.settings.model_fields_set or generates)

    def _start_workers(self, processes: Sequence[Process]) -> None:
        self._say(f"starting workers: {', '.join(each.name for each in processes)}")
        ports = dict[str, int]()
        for number, process in enumerate(processes):
            # One port cannot serve two processes: each worker takes the next one up.
            port = self.settings.http_port and self.settings.http_port + number
            if self.settings.observe:
                port = ports[process.name] = port or port_of(self._data, process.name)
            settings = self.settings.model_copy(update={"http_port": port})
            worker = WorkerProcess(process, self._worker_command(process), settings)
            self._add(worker.name, worker)
        if ports:
            self._add(NAME, Prometheus(self.settings, ports))
        self._await_ready()

    def _add(self, name: str, service: Service) -> None:
        self._check_stop()
        watched = _Watched(name, service)
        self._watched.append(watched)
        watched.start()
        self._write_state()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not all(watched.state == "ready" for watched in self._watched):
            self._check_stop()
            self._tick(starting=True)
            if time.monotonic() > deadline:
                late = next(each for each in self._watched if each.state != "ready")
                raise UserError(
                    f"{late.name} was not ready after {READY_TIMEOUT_S:.0f} s;"
                    f" its log is {late.service.log}"
                )
            time.sleep(TICK_S / 4)

    def _keep_running(self) -> None:
        while not self._stopping.wait(TICK_S):
            try:
                self._tick()
            except Exception as error:  # whatever it is, the children still need looking after
                self._warn(f"a look at the stack failed: {error!r}")

    def _tick(self, *, starting: bool = False) -> None:
        """Looks after every child once: notes deaths, restarts what is due, notes readiness."""
        servers_ready = True
        for watched in self._watched:
            service = watched.service
            is_worker = isinstance(service, WorkerProcess)
            if watched.state != "waiting" and not service.alive:
                watched.died()
                if starting:
                    _give_up(watched)
            if (
                watched.state == "waiting"
                and time.monotonic() >= watched.due
                and (servers_ready or not is_worker)  # a worker without its servers dies again
            ):
                watched.restarts += 1
                try:
                    watched.start()
                    self._write_state()  # at once: only what is written down can be cleaned up
                except UserError as error:  # such as a port that another program took meanwhile
                    self._warn(f"{watched.name} cannot be restarted: {error}")
                    watched.died()
            if watched.state == "starting" and service.is_ready():
                watched.state = "ready"
            if watched.state == "ready" and not starting:
                service.tend()
            servers_ready = servers_ready and (is_worker or watched.state == "ready")
        self._write_state()

    def _check_stop(self) -> None:
        if self._stopping.is_set():
            raise _StopRequestedError("asked to stop before the stack was ready")

    def _say(self, phase: str) -> None:
        self._phase = phase
        self._write_state()
        self._progress(phase)

    def _write_state(self) -> None:
        me = ProcessState(
            "supervisor",
            os.getpid(),
            psutil.Process().create_time(),
            "ready" if self._phase == "ready" else "starting",
            log=str(self._data / "logs" / "up.log"),
        )
        redis = self.settings.of(RedisSettings)
        state = StackState(
            me,
            self._phase,
            self.settings.bootstrap_servers,
            redis.url,
            redis.kept_url,
            [watched.recorded() for watched in self._watched],
            self._operator,
        )
        if state == self._written:
            return
        try:
            write_state(self._data, state)
        except OSError as error:
            if self._monitor is None:
                raise unwritable(self._data, error) from None
            self._warn(f"the state of the stack is not written down: {error}")  # a full disk
        else:
            self._written = state

    def _warn(self, message: str) -> None:
        if message != self._warned:  # not once a tick
            self._warned = message
            log.warning("%s", message)


def _give_up(watched: _Watched) -> None:
    """Raises UserError where starting it again would only delay the bad news."""
    service = watched.service
    hopeless = not isinstance(service, WorkerProcess) or service.exit_code == USER_ERROR_EXIT
    if hopeless or watched.deaths >= DEATHS_AT_START:
        raise service.diagnosis(service.last_fault())


@contextlib.contextmanager
def _signals(stopping: threading.Event) -> Generator[None]:
    """Signals that end a program set the event instead; `nohup` is respected."""

    def stop(_number: int, _frame: object) -> None:
        stopping.set()

    before = {
        number: signal.signal(number, stop)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
