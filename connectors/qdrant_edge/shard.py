"""A shard directory of the embedded index: made whole, opened, or refused with the remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Modifier,
    PayloadSchemaType,
    UpdateOperation,
    VectorStorageDatatype,
)

from connectors.qdrant_edge.points import DENSE, LEXICAL
from streams.flow.errors import UserError

KEYWORDS = ("tenant", "document", "tags")


def load(path: Path, dimensions: int) -> EdgeShard:
    """The shard in `path`, made where there is none yet.

    Raises `UserError` for one that another process holds, that is damaged, or that was made for
    vectors of another size.
    """
    # The engine would take an empty directory for a shard, and leave it without keyword indexes.
    if not path.exists() or not any(path.iterdir()):
        _create(path, dimensions)
    try:
        return EdgeShard.load(str(path), _config(dimensions))
    except BaseException as error:
        # A panic of the engine on a damaged file is not an Exception.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        if "WouldBlock" in str(error):
            raise UserError(
                f"the index in {path} is in use by another process: stop that one first"
            ) from error
        raise UserError(
            f"the index in {path} cannot be read ({error}): restore it from a copy, or delete the "
            f"folder and replay docs.vectors into a new one"
        ) from error


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
