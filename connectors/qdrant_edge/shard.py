"""A shard directory of the embedded index: made whole, opened, or refused with the remedy."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Modifier,
    PayloadSchemaType,
    ScrollRequest,
    UpdateOperation,
    VectorStorageDatatype,
)

from connectors import apart
from connectors.qdrant_edge import generations, seal, sums
from connectors.qdrant_edge.points import DENSE, LEXICAL, PLACES
from streams.flow.errors import UserError

_PAGE = 64
TRYING = "connectors.qdrant_edge.trying"
WRONG = 3  # the exit code with which it says what is wrong
KEYWORDS = ("tenant", "document", "tags", "classes", "acl")


class DamagedError(Exception):
    """Why a shard cannot be relied on."""


def load(path: Path, dimensions: int) -> tuple[Path, EdgeShard]:
    """The generation that counts in a folder, made where there is none yet, and its shard.

    What a rewrite that was cut short has left is removed.

    Raises:
        UserError: it is damaged, or was made for vectors of another size.
    """
    broken = seal.broken(path)
    if broken:
        raise damaged(path, f"{broken} is not as it was when it was closed")
    new = generations.empty(path)
    generation = _create_first(path, dimensions) if new else generations.newest(path)
    if generation is None:
        raise damaged(path, "nothing in it is whole")
    if broken is None and not new and (why := _tried(generation, dimensions)):
        raise damaged(path, why)
    try:
        shard = opened(generation, dimensions)
    except DamagedError as error:
        raise damaged(path, str(error)) from error
    generations.only(generation)
    seal.open_(path)
    return generation, shard


def damaged(path: Path, why: str) -> UserError:
    """What to do with such a folder."""
    return UserError(
        f"the index in {path} is damaged ({why}): move the folder away, or put an older copy in "
        "its place; with the worker's start it is brought up to date from the log, and `millrace "
        "reindex --scan` brings what the log no longer has"
    )


def opened(generation: Path, dimensions: int) -> EdgeShard:
    """The shard of a generation.

    Raises:
        DamagedError: the engine cannot load it.
    """
    try:
        return EdgeShard.load(str(generation), config(dimensions))
    except BaseException as error:
        # A panic of the engine on a damaged file is not an Exception.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise DamagedError(str(error)) from error


def _tried(generation: Path, dimensions: int) -> str:
    """What is wrong with what nobody sealed: its process was killed, or the folder is a copy.

    Another process looks. What a damaged file makes the engine do is not always an error: it may
    ask for more memory than there is, or touch what was cut off, and that ends the process. A
    worker would end so at each of its starts, and say nothing.
    """
    done = subprocess.run(
        apart.command(TRYING, generation, dimensions),
        env=apart.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the engine's panics
        text=True,
        check=False,
    )
    if done.returncode == WRONG:
        return done.stdout.strip()
    if done.returncode < 0:
        return f"who reads it ends with {signal.Signals(-done.returncode).name}"
    return f"who reads it ends with {done.returncode}" if done.returncode else ""


def check(shard: EdgeShard) -> None:
    """Read through all of a shard.

    Raises:
        DamagedError: a chunk is not as it was written.
    """
    there = shard.info().points_count
    for told in shard.retrieve([PLACES], with_payload=True, with_vector=False):
        least, most = (told.payload or {}).get("points", (0, there))
        if not least <= there <= most:
            raise DamagedError(f"it has {there:,} points of {least:,}")
    offset = None
    while True:
        try:
            records, offset = shard.scroll(ScrollRequest(offset, _PAGE, None, True, True))
            wrong = next((each.id for each in records if not sound(each)), None)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise DamagedError(f"it cannot be read: {error}") from error
        if wrong is not None:
            raise DamagedError(f"{wrong} is not as it was written")
        if offset is None:
            return


def sound(record: Any) -> bool:
    """Whether a point, read with its vectors, is as it was written."""
    key = str(record.id)
    return key == PLACES or sums.whole(key, record.payload or {}, record.vector or {})


def create(path: Path, dimensions: int) -> EdgeShard:
    """An empty shard, open."""
    path.mkdir(parents=True)
    shard = EdgeShard.create(str(path), config(dimensions))
    for name in KEYWORDS:
        shard.update(UpdateOperation.create_field_index(name, PayloadSchemaType.Keyword))
    return shard


def _create_first(path: Path, dimensions: int) -> Path:
    """A crash leaves no half of one."""
    unfinished = path / generations.UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    shard = create(unfinished, dimensions)
    shard.flush()
    shard.close()
    return generations.first(path)


def config(dimensions: int, **more: Any) -> EdgeConfig:
    """What every shard is made of, and `more` of the engine's options."""
    # Vectors arrive as float16, so that storing them so loses nothing.
    dense = EdgeVectorParams(dimensions, Distance.Dot, datatype=VectorStorageDatatype.Float16)
    return EdgeConfig(
        {DENSE: dense}, {LEXICAL: EdgeSparseVectorParams(modifier=Modifier.Idf)}, **more
    )
