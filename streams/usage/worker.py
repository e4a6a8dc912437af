"""`millrace run usage`: the Faust app as a worker process, watched as the others are."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack

from schemas import topics
from streams.app import codecs
from streams.app.host import PATIENCE_S, serve
from streams.app.settings import Settings
from streams.app.tenancy import Followed
from streams.flow.errors import UserError
from streams.runtime import kafka
from streams.runtime.room import Room
from streams.runtime.telemetry import log_as_json, watch_peer

NAME = "usage"
log = logging.getLogger("millrace.usage")


def run(settings: Settings) -> int:
    """Run the windows until SIGTERM; returns the exit code.

    Raises:
        UserError: Faust is not installed, the topic is missing, or a setting is wrong.
    """
    try:
        import faust

        from streams.usage.windows import usage_app
    except ImportError as error:
        raise UserError(
            f"windows of usage need Faust ({error}): pip install 'millrace[usage]'"
        ) from None
    log_as_json(settings.log_level)
    os.umask(0o077)  # as every worker
    settings.data.mkdir(parents=True, exist_ok=True)  # Faust makes no parents of its own folder
    ready: list[bool] = []
    ready_file = settings.data.absolute() / "run" / f"{settings.worker or NAME}.ready"

    def tell() -> None:
        if not ready:
            ready.append(True)
            ready_file.parent.mkdir(parents=True, exist_ok=True)
            ready_file.write_text(str(os.getpid()))
            log.info("ready")

    with ExitStack() as stack:
        app = usage_app(
            settings,
            codecs.codec(settings, stack),
            Followed(settings.policies, watch_peer),
            _partitions(settings),
            tell,
        )
        if settings.http_port:
            room = Room(settings.data, settings.disk_floor_mb)
            host, port = settings.http_host, settings.http_port
            stack.enter_context(serve(host, port, lambda: bool(ready), list, room))
        worker = faust.Worker(app, loglevel=settings.log_level, override_logging=False, quiet=True)
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def _partitions(settings: Settings) -> int:
    there = kafka.reachable(settings, PATIENCE_S).list_topics(timeout=PATIENCE_S).topics
    if topics.RAG_USAGE.name not in there:
        raise UserError(f"topic {topics.RAG_USAGE.name} is missing: run `millrace topics apply`")
    return len(there[topics.RAG_USAGE.name].partitions)
