"""A shard directory of the embedded index: made whole, opened, or refused with the remedy."""

from __future__ import annotations

import shutil
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

from connectors.qdrant_edge import seal, sums
from connectors.qdrant_edge.points import DENSE, LEXICAL, PLACES
from streams.flow.errors import UserError

_PAGE = 64
KEYWORDS = ("tenant", "document", "tags", "classes", "acl")


def load(path: Path, dimensions: int) -> EdgeShard:
    """The shard in `path`, made where there is none yet.

    Raises `UserError` for one that another process holds, that is damaged, or that was made for
    vectors of another size.
    """
    broken = seal.broken(path)
    if broken:
        raise damaged(path, f"{broken} is not as it was when it was closed")
    # The engine would take an empty directory for a shard, and leave it without keyword indexes.
    new = not path.exists() or not any(path.iterdir())
    if new:
        _create(path, dimensions)
    try:
        shard = EdgeShard.load(str(path), _config(dimensions))
    except BaseException as error:
        # A panic of the engine on a damaged file is not an Exception.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        if "WouldBlock" in str(error):
            raise UserError(
                f"the index in {path} is in use by another process: stop that one first"
            ) from error
        raise damaged(path, str(error)) from error
    if broken is None and not new:
        try:
            check(shard, path)
        except UserError:
            shard.close()
            raise
    seal.open_(path)
    return shard


def damaged(path: Path, why: str) -> UserError:
    """What to do with such a folder."""
    return UserError(
        f"the index in {path} is damaged ({why}): move the folder away, or put an older copy in "
        "its place; with the worker's start it is brought up to date from the log, and `millrace "
        "reindex --scan` brings what the log no longer has"
    )


def check(shard: EdgeShard, path: Path) -> None:
    """Read through what nobody sealed: its process was killed, or the folder is a copy of one.

    Raises:
        UserError: a chunk is not as it was written.
    """
    there = shard.info().points_count
    for told in shard.retrieve([PLACES], with_payload=True, with_vector=False):
        least, most = (told.payload or {}).get("points", (0, there))
        if not least <= there <= most:
            raise damaged(path, f"it has {there:,} points of {least:,}")
    offset = None
    while True:
        try:
            records, offset = shard.scroll(ScrollRequest(offset, _PAGE, None, True, True))
            wrong = next((each.id for each in records if not _sound(each)), None)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise damaged(path, f"it cannot be read: {error}") from error
        if wrong is not None:
            raise damaged(path, f"{wrong} is not as it was written")
        if offset is None:
            return


def _sound(record: Any) -> bool:
    key = str(record.id)
    return key == PLACES or sums.whole(key, record.payload or {}, record.vector or {})


def _create(path: Path, dimensions: int) -> None:
    """Make an empty shard beside `path` and move it there whole: a crash leaves no half of one."""
    unfinished = path.with_name(f"{path.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    shard = EdgeShard.create(str(unfinished), _config(dimensions))
    for name in KEYWORDS:
        shard.update(UpdateOperation.create_field_index(name, PayloadSchemaType.Keyword))
    shard.flush()
    shard.close()
    unfinished.rename(path)


def _config(dimensions: int) -> EdgeConfig:
    # Vectors arrive as float16, so that storing them so loses nothing.
    dense = EdgeVectorParams(dimensions, Distance.Dot, datatype=VectorStorageDatatype.Float16)
    return EdgeConfig({DENSE: dense}, {LEXICAL: EdgeSparseVectorParams(modifier=Modifier.Idf)})
