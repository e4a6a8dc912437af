"""The production worker process: `millrace run STAGE...`."""

from __future__ import annotations

import fcntl
import itertools
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from prometheus_client.exposition import choose_encoder

from streams.app import codecs, opening, permitted
from streams.app.owning import Owning, owning
from streams.app.ports import open_ports
from streams.app.settings import Settings
from streams.flow.errors import Retry, UserError
from streams.flow.stage import Stage
from streams.runtime import kafka
from streams.runtime.codec import Codec
from streams.runtime.folding import TENANTS
from streams.runtime.precedence import Precedence
from streams.runtime.quiet import Quiet
from streams.runtime.room import Room
from streams.runtime.spans import open_spans
from streams.runtime.telemetry import REGISTRY, log_as_json, watch_stage
from streams.runtime.versions import Versions
from streams.runtime.worker import StageWorker, Worker

log = logging.getLogger("millrace.host")
PATIENCE_S = 60.0  # with what a worker needs at its start
CLIENT_S = 5.0  # that a client of the HTTP port may take to ask: each has a thread meanwhile
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def select(stages: Sequence[Stage], names: Sequence[str]) -> list[Stage]:
    """The stages of these names, in flow order; a bare `generate` means all its tiers.

    Raises:
        UserError: there is no such stage.
    """
    known = {stage.name for stage in stages}
    for name in names:
        if name not in known and not any(each.startswith(name + ".") for each in known):
            raise UserError(f"there is no stage '{name}'; there are {', '.join(sorted(known))}")
    wanted = set(names)
    return [s for s in stages if s.name in wanted or s.name.partition(".")[0] in wanted]


@contextmanager
def worker_name(settings: Settings, names: Sequence[str]) -> Generator[str]:
    """This worker's name: as set, else this host and the first slot free for all its stages.

    A slot is a locked file per stage, and the kernel gives it back however its holder ends: so a
    restarted worker gets the name, and the transactional ids, of the one it replaces.
    """
    if settings.worker:
        yield settings.worker
        return
    folder = settings.data / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for slot in itertools.count():
        with ExitStack() as locks:
            try:
                for name in names:
                    file = locks.enter_context((folder / f"slot.{name}.{slot}").open("w"))
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield f"{socket.gethostname()}-{slot}"
            return


def announce(codec: Codec, stages: Sequence[Stage]) -> None:
    """Register what these stages write, so that a registry's later outage holds up none of it.

    Raises:
        UserError: the schema registry does not answer for a minute, or refuses a schema.
    """
    until = time.monotonic() + PATIENCE_S
    written = [
        topic
        for stage in stages
        for topic in (*stage.writes, *stage.changelogs, stage.dead_letters)
    ]
    while True:
        try:
            codec.prepare(written)
            return
        except Retry as failure:
            if time.monotonic() > until:
                raise UserError(f"{failure}: check MILLRACE_REGISTRY__URL") from None
            time.sleep(1)


def run(settings: Settings, names: Sequence[str]) -> int:
    """Run stages until SIGTERM; returns the exit code (1: a stage failed).

    Raises:
        UserError: a setting is wrong, or what the stages need cannot be had or is not allowed.
    """
    log_as_json(settings.log_level)
    os.umask(0o077)  # what it keeps is nobody else's on this machine
    with ExitStack() as stack:
        every = opening.stages(settings)
        stages = select(every, names)
        name = stack.enter_context(worker_name(settings, [stage.name for stage in stages]))
        kafka.check_counts(kafka.reachable(settings, PATIENCE_S), stages)
        permitted.check(settings, every, stages)
        ready_file = settings.data / "run" / f"{name}.ready"
        index = owning(settings, every, stages, name)
        if index is not None:
            index.stand_by(stack, partial(_tell, ready_file))
        ports = open_ports(settings, stages, stack)
        codec = codecs.codec(settings, stack)
        announce(codec, stages)
        if index is not None:
            index.begin(ports, codec)
        room = Room(settings.data, settings.disk_floor_mb)
        worker_of = partial(
            StageWorker,
            ports=ports,
            settings=settings,
            codec=codec,
            spans=open_spans(settings.otlp_endpoint, f"millrace.{'+'.join(names)}", stack),
            name=name,
            static=bool(settings.worker),
            precedence=Precedence(),
            quiet=Quiet(),
            room=room,
        )
        known = {stage.name: Versions() for stage in stages}
        workers = [
            worker_of(stage, of=each, versions=known[stage.name], **_of(index, stage))
            for stage in stages
            for each in stage.subscriptions
        ]
        worker = Worker(workers)
        TENANTS.bound(settings.metric_tenants, settings.tenants)
        for each in workers:
            watch_stage(each.name, name, each.stalled, stack)
        # The main thread takes signals when it is ready for them; no handler interrupts a lock.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if settings.http_port:
            port = settings.http_port
            served = serve(
                settings.http_host, port, worker.ready, worker.stalled, room, worker.broken
            )
            stack.enter_context(served)
        worker.start()
        log.info("started", extra={"worker": name, "stages": [s.name for s in stages]})
        _watch(worker, ready_file, index)
        failures = worker.join()
        log.info("stopped", extra={"worker": name})
        if told := next((each for each in failures if isinstance(each, UserError)), None):
            raise told
        return 1 if failures else 0


def _of(index: Owning | None, stage: Stage) -> dict[str, Any]:
    """What a stage that works on the index has to know of it."""
    if index is None or not {"chunks", "dense", "lexical"} & {port.name for port in stage.needs}:
        return {}
    return {"held": index.held, "mirrored": index.mirrored if stage.mirror else None}


def _tell(ready_file: Path) -> None:
    """A supervisor waits for this; whoever stands by is as ready as it can be."""
    ready_file.parent.mkdir(parents=True, exist_ok=True)
    ready_file.write_text(str(os.getpid()))


def _lost(index: Owning) -> str:
    """Why the index is not this process's any more; empty while it may be."""
    try:
        index.look()
    except UserError as error:
        return str(error)
    return "another process has the index" if index.given_up() else ""


def _watch(worker: Worker, ready_file: Path, index: Owning | None) -> None:
    """Stay until the worker has ended; tell a supervisor when it is ready, and obey signals."""
    told = False
    while worker.alive():
        got = signal.sigtimedwait(SIGNALS, 0.5 if told else 0.02)
        # Of a process that was frozen for longer, CPython says that it got no signal in particular.
        if got is not None and got.si_signo in SIGNALS:
            worker.stop()
        if not told and worker.ready():
            told = True
            _tell(ready_file)
            log.info("ready")
        if stuck := worker.stuck():
            log.critical("a call to Kafka never returned", extra={"stages": stuck})
            os._exit(1)  # nothing else ends that thread; a successor goes on where it stopped
        if index is not None and (why := _lost(index)):
            log.critical(why)
            os._exit(1)  # the successor stands by or says why it cannot, and the folder is free


@contextmanager
def serve(
    host: str,
    port: int,
    ready: Callable[[], bool],
    stalled: Callable[[], list[str]],
    room: Room,
    broken: Callable[[], list[str]] = list,
) -> Generator[None]:
    """`/metrics`, `/healthz` and `/readyz` over HTTP, for as long as the context lasts.

    A process with a stage that hangs or has ended is not healthy, and a stage that gets nowhere
    with what it holds is not ready: both are named. Nor is one ready whose disk is nearly full.

    Raises:
        UserError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                # Examples of slow traces are in the newer of the two forms alone.
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._reply(200, kind, encode(REGISTRY))
            elif self.path == "/healthz":
                wrong = broken()
                body = json.dumps({"healthy": not wrong, "broken": wrong}).encode()
                self._reply(503 if wrong else 200, "application/json", body)
            elif self.path == "/readyz":
                held_up, full = stalled(), room.short()
                answer = ready() and not held_up and not full
                said = {"ready": answer, "stalled": held_up, "disk_full": full}
                body = json.dumps(said).encode()
                self._reply(200 if answer else 503, "application/json", body)
            else:
                self._reply(404, "text/plain", b"/metrics, /healthz or /readyz\n")

        def _reply(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            log.debug("http", extra={"request": format % args})

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise UserError(
            f"port {port} of MILLRACE_HTTP_PORT cannot be opened: {error.strerror}"
        ) from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
