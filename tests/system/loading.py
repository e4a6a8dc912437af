"""The copying stage with a bulk topic beside its own.

`python -m tests.system.loading` runs it as the production worker process does.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from processors.places import QUESTIONS
from schemas.events import DocumentFed
from streams.app.settings import Settings, load
from streams.flow.stage import Stage, record_stage
from streams.flow.topic import Topic
from tests.system.copying import copies, dead_letters, obey, source


def bulk(prefix: str) -> Topic[DocumentFed]:
    return replace(source(prefix), name=f"{prefix}.in.bulk", bulk=True)


def loading(prefix: str) -> Stage:
    return record_stage(
        "copy",
        reads=[source(prefix), bulk(prefix)],
        make=lambda _: obey,
        writes=copies(prefix),
        dead_letters=dead_letters(prefix),
        place=QUESTIONS,
    )


def main() -> int:
    from streams.app import host, opening

    def stages(settings: Settings) -> list[Stage]:
        return [loading(settings.group_prefix)]

    opening.stages = stages  # everything else is the production worker's
    return host.run(load(), ["copy"])


if __name__ == "__main__":
    sys.exit(main())
