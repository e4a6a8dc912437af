"""A bucket that is followed, on obstore's store in memory; tests/real has a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from connectors.sources import bucket
from connectors.sources.bucket import Bucket
from connectors.sources.port import BucketSettings, source
from streams.flow.errors import UserError
from tests.support.kept import KeptBucket


@pytest.fixture
def kept(tmp_path: Path) -> KeptBucket:
    return KeptBucket(tmp_path)


def test_only_what_is_below_the_prefix_counts(kept: KeptBucket) -> None:
    kept.put("a.md", b"text")
    kept.store.put("kb2/b.md", b"text")
    kept.store.put("c.md", b"text")
    assert [*kept.source.listing().items] == ["a.md"]
    whole = Bucket(lambda: kept.store, "s3://handbook")
    assert {*whole.listing().items} == {"kb/a.md", "kb2/b.md", "c.md"}


def test_what_stands_for_a_folder_is_no_document(kept: KeptBucket) -> None:
    kept.put("a", b"")
    kept.put("empty.md", b"")
    assert [*kept.source.listing().items] == ["empty.md"]


def test_names_are_looked_at_alone_and_those_that_went_are_left_out(kept: KeptBucket) -> None:
    for name in ("a.md", "b.md", "c.md"):
        kept.put(name, b"text")
    kept.remove("b.md")
    found = kept.source.of(["a.md", "b.md", "never.md", ".hidden.md"])
    assert found.items == {"a.md": kept.source.listing().items["a.md"]}


def test_a_name_that_is_no_path_is_told_and_the_others_are_looked_at(kept: KeptBucket) -> None:
    kept.put("a.md", b"text")
    found = kept.source.of(["x/../b.md", "a.md", "c//d.md", "./e.md"])
    assert {*found.items} == {"a.md"}
    assert {*found.unseen} == {"x/../b.md", "c//d.md", "./e.md"}


def test_where_one_folder_cannot_be_listed_the_others_are(
    kept: KeptBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a server, which has keys that are no paths: this store takes none."""
    for name in ("a.md", "x/b.md", "y/c.md", "y/z/d.md"):
        kept.put(name, b"text")
    import obstore

    own = obstore.list_with_delimiter

    def refused(*_: object, **__: object) -> Any:
        raise obstore.exceptions.InvalidPathError('Path "kb/x//e.md" has an empty segment')

    def listed(store: Any, folder: Any) -> Any:
        return refused() if folder == "kb/x" else own(store, folder)

    monkeypatch.setattr(obstore, "list", refused)
    monkeypatch.setattr(obstore, "list_with_delimiter", listed)
    found = kept.source.listing()
    assert {*found.items} == {"a.md", "y/c.md", "y/z/d.md"}
    assert {*found.unseen} == {"x"} and "kb/x//e.md" in found.unseen["x"]


def test_what_is_remembered_has_no_slash_too_many() -> None:
    named = [Bucket(MemoryStore, where).name for where in ("s3://b/kb", "s3://b/kb/")]
    assert named == ["s3://b/kb", "s3://b/kb"]


def test_no_name_is_gone_while_the_bucket_does_not_answer(
    kept: KeptBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is gone says of each object that it is not there."""
    kept.put("a.md", b"text")
    import obstore

    def gone(*_: object, **__: object) -> Any:
        raise obstore.exceptions.GenericError("NoSuchBucket\n\nDebug source:\nlong")

    monkeypatch.setattr(obstore, "list", gone)
    with pytest.raises(UserError, match=r"does not answer as a bucket does \(NoSuchBucket\)"):
        kept.source.of(["never.md"])


@pytest.mark.parametrize(
    "error", ["PermissionDeniedError", "UnauthenticatedError", "InvalidPathError", "GenericError"]
)
def test_each_refusal_names_the_bucket_and_the_remedy(
    kept: KeptBucket, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    import obstore

    def refused(*_: object, **__: object) -> Any:
        raise getattr(obstore.exceptions, error)("no")

    monkeypatch.setattr(obstore, "list", refused)
    monkeypatch.setattr(obstore, "list_with_delimiter", refused)
    with pytest.raises(UserError, match=r"s3://handbook/kb .*nothing of\s+it is") as told:
        kept.source.listing()
    assert "MILLRACE_BUCKET__" in str(told.value) or "rename that object" in str(told.value)


def test_an_object_is_marked_by_its_tag_or_by_its_time(kept: KeptBucket) -> None:
    kept.put("a.md", b"text")
    (page,) = kept.store.list()
    (meta,) = page
    assert bucket._item(meta).mark == "0-4"  # pyright: ignore[reportPrivateUsage]
    told = bucket._item({**meta, "e_tag": None}).mark  # pyright: ignore[reportPrivateUsage]
    assert told == f"{meta['last_modified'].isoformat()}-4"


def test_what_cannot_be_followed_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"https://example.org is neither a folder"):
        source("https://example.org", BucketSettings(), tmp_path)
    lacking = BucketSettings(key_id="k", secret_file=tmp_path / "none")
    with pytest.raises(UserError, match="MILLRACE_BUCKET__SECRET_FILE"):
        source("s3://handbook", lacking, tmp_path).listing()
