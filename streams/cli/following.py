"""`follow`: a folder, a git repository or a bucket, as it changes."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import Tenant, err, open_codec, out, print_json, progress, settings
from streams.flow.errors import UserError

if TYPE_CHECKING:
    from streams.app.settings import Settings
    from streams.app.sources import Followed
    from streams.edge.documents import FeedReport
    from streams.edge.following import Round
    from streams.edge.noticing import Notices
    from streams.runtime.codec import Codec

app = typer.Typer()
EVERY_S = 60.0
EVERY_NOTICED_S = 3600.0
AGAIN_S = (1.0, 60.0)  # after an outage: then twice as long, at most the second
FENCED_S, FENCED_OFTEN, FENCED_WITHIN_S = 10.0, 2, 120.0
LEFT = 1
SHOWN = 20


@app.command()
def follow(
    source: Annotated[
        str, typer.Argument(help="A folder, git+URL#REFERENCE, or s3://BUCKET/PREFIX.")
    ],
    tenant: Tenant = "",
    once: Annotated[
        bool, typer.Option("--once", help="Look once, wait until all is searchable, and end.")
    ] = False,
    events: Annotated[
        str, typer.Option(help="Notices of a bucket: kafka:TOPIC, a file, or - (JSON lines).")
    ] = "",
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds until all is looked at again; else 60, or 3600."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="In front of each document's id.")] = "",
    name: Annotated[
        str, typer.Option(help="What the source is remembered by; none: its address.")
    ] = "",
    most_removed: Annotated[
        float, typer.Option(min=0, max=1, help="The share of its documents that may go at once.")
    ] = 0.5,
    bulk: Annotated[
        bool, typer.Option("--bulk", help="A load that nobody waits for: other changes go first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line for each look.")] = False,
) -> None:
    """Feed what a source holds, and what changes there from then on, removals too.

    With --once, exit code 1 says that some of it could not be fed, or was not removed.
    """
    from streams.app.sources import followed
    from streams.edge.noticing import TOPIC, notices

    chosen = settings()
    whose = tenant or chosen.default_tenant
    if once and events.startswith(TOPIC):
        raise UserError("a topic of notices has no end: leave out --once, or --events")
    every_s = every or (EVERY_NOTICED_S if events else EVERY_S)
    signal.signal(signal.SIGTERM, _end)
    with (
        followed(
            chosen, source, whose, name=name, prefix=prefix, most_removed=most_removed
        ) as opened,
        open_codec(chosen) as codec,
        notices(chosen, opened, events) as noticed,
    ):
        loop = _Loop(chosen, codec, opened, bulk, as_json)
        try:
            left = loop.once(noticed, events) if once else loop.on(noticed, every_s)
        except KeyboardInterrupt:
            left = False
    if left:
        raise typer.Exit(LEFT)


def _end(_: int, __: object) -> None:
    sys.exit(0)  # nothing is lost at any line


class _Loop:
    """Looks and waits, over outages."""

    def __init__(
        self, chosen: Settings, codec: Codec, followed: Followed, bulk: bool, as_json: bool
    ) -> None:
        self._settings, self._codec, self._followed = chosen, codec, followed
        self._bulk, self._as_json = bulk, as_json

    def once(self, noticed: Notices, events: str) -> bool:
        """One look at everything, or at all that the notices name; whether something was left."""
        from streams.edge.following import follower

        left = False
        with follower(self._settings, self._codec, self._followed, bulk=self._bulk) as following:
            if not events:
                with progress() as bar:
                    task = bar.add_task("searchable", total=None)

                    def show(report: FeedReport) -> None:
                        bar.update(task, completed=report.settled, total=report.fed or None)

                    found = following.look(on_progress=show)
                if found.idle and not self._as_json:
                    out.print("nothing changed")
                return self._say(found)
            ended = False
            while not ended:
                told = noticed.wait(EVERY_NOTICED_S)
                ended = told.ended
                left |= self._wrong(told.wrong)
                if told.names:
                    left |= self._say(following.look(told.names))
        return left

    def on(self, noticed: Notices, every_s: float) -> bool:
        """Until the notices end, or for ever."""
        from streams.edge.following import SupersededError, follower

        again, left, fenced = AGAIN_S[0], False, list[float]()
        while True:
            try:
                with follower(
                    self._settings, self._codec, self._followed, bulk=self._bulk
                ) as following:
                    names, ended, whole = None, False, time.monotonic()
                    while True:
                        if names is None or names:
                            left |= self._say(following.look(names))
                        again = AGAIN_S[0]
                        if ended:
                            return left
                        told = noticed.wait(max(0.0, whole + every_s - time.monotonic()))
                        left |= self._wrong(told.wrong)
                        names, ended = told.names, told.ended
                        if names is None:
                            whole = time.monotonic()
            except SupersededError as other:
                # Once it may have been somebody's look with --once; again and again it lives.
                fenced = [at for at in fenced if time.monotonic() - at < FENCED_WITHIN_S]
                if len(fenced) >= FENCED_OFTEN:
                    raise
                fenced.append(time.monotonic())
                err.print(f"{other}; looking again in {FENCED_S:.0f} s", markup=False)
                time.sleep(FENCED_S)
            except UserError as outage:
                err.print(f"{outage}; looking again in {again:.0f} s", markup=False)
                time.sleep(again)
                again = min(again * 2, AGAIN_S[1])

    def _wrong(self, wrong: list[str]) -> bool:
        for why in wrong:
            err.print(f"a notice {why}", markup=False)
        return bool(wrong)

    def _say(self, found: Round) -> bool:
        """Write what came of a look; whether something was left."""
        report = found.report
        left = bool(found.skipped or report.rejected)
        if self._as_json:
            print_json(
                {
                    "fed": report.fed - len(found.removed),
                    "searchable": report.searchable,
                    "removed": report.deleted,
                    "superseded": report.superseded,
                    "skipped": [
                        {"document": each.name, "reason": each.reason, "outcome": each.outcome}
                        for each in found.skipped
                    ],
                    "told": [{"document": each.name, "note": each.note} for each in found.told],
                    "rejected": [{"document": n, "reason": why} for n, why in report.rejected],
                }
            )
            sys.stdout.flush()
        elif not found.idle:
            out.print(
                f"{report.searchable:,} documents searchable, {report.deleted:,} removed"
                + (f", {report.superseded:,} superseded" if report.superseded else "")
            )
            lines = [(each.name, each.reason) for each in found.skipped]
            lines += report.rejected + [(each.name, each.note) for each in found.told]
            for each, why in lines[:SHOWN]:
                out.print(f"  {each}: {why}", markup=False)
            if len(lines) > SHOWN:
                out.print(f"  and {len(lines) - SHOWN:,} more (all with --json)")
        return left
