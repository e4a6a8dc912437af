"""Processes of `runtime` that copy with other stream processors, where these are installed."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from evaluation.bench.child import serve
from streams.app.settings import load

LOOK_S = 0.01
STALLED_S = 60.0


class _Counted:
    """Counts records as a peer's function sees them; the rate is taken from outside."""

    def __init__(self) -> None:
        self.records = 0

    def rate(self, records: int) -> dict[str, float]:
        """Events per second from the first to the last one.

        Raises:
            TimeoutError: they stopped coming.
        """
        began = time.perf_counter()
        while not (first := self.records):
            if time.perf_counter() - began > STALLED_S:
                raise TimeoutError(f"no record came in {STALLED_S:.0f} s")
            time.sleep(LOOK_S / 10)
        begin = moved = time.perf_counter()
        seen = first
        while (now := self.records) < records:
            if now != seen:
                seen, moved = now, time.perf_counter()
            elif time.perf_counter() - moved > STALLED_S:
                raise TimeoutError(f"nothing came for {STALLED_S:.0f} s, at {now:,} records")
            time.sleep(LOOK_S)
        return {"rate": (records - first) / (time.perf_counter() - begin), "batch": 0.0}


def by_quix(source: str, target: str, records: int, batch: int) -> dict[str, float]:
    """Quix Streams, exactly once, with commits of as many records."""
    import quixstreams  # pyright: ignore[reportMissingImports]

    quix: Any = quixstreams
    app = quix.Application(
        broker_address=load().bootstrap_servers,
        consumer_group=target,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=batch,
        loglevel="WARNING",
    )
    counted = _Counted()

    def count(value: bytes) -> bytes:
        counted.records += 1
        return value

    raw: dict[str, str] = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    written: dict[str, str] = {"key_serializer": "bytes", "value_serializer": "bytes"}
    frame = app.dataframe(app.topic(source, **raw)).apply(count)
    frame.to_topic(app.topic(target, **written))
    found: list[dict[str, float]] = []

    def watch() -> None:
        found.append(counted.rate(records))
        app.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    app.run()  # takes the main thread, for its signals
    watcher.join()
    return found[0]


def by_faust(source: str, target: str, records: int, batch: int) -> dict[str, float]:  # noqa: ARG001 - it commits by time
    """Faust, exactly once by its setting."""
    import faust  # pyright: ignore[reportMissingImports]

    module: Any = faust
    app = module.App(
        target,
        broker=f"kafka://{load().bootstrap_servers}",
        processing_guarantee="exactly_once",
        topic_partitions=load().partitions,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    given = app.topic(source, value_type=bytes, value_serializer="raw", key_serializer="raw")
    taken = app.topic(target, value_type=bytes, value_serializer="raw", key_serializer="raw")
    counted = _Counted()

    async def copy(stream: Any) -> None:
        async for key, value in stream.items():
            await taken.send(key=key, value=value)
            counted.records += 1

    app.agent(given)(copy)

    async def main() -> dict[str, float]:
        await app.start()
        try:
            return await asyncio.to_thread(counted.rate, records)
        finally:
            await app.stop()

    return asyncio.run(main())


if __name__ == "__main__":
    serve({"by_quix": by_quix, "by_faust": by_faust})
