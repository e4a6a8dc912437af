"""A bucket of an S3-compatible store that is followed: its objects are its items.

Through obstore, one wheel that speaks S3 and what is like it. It refuses a listing that cannot be
had to its end, and one with an object whose key is no path (`a/../b`, `a//b`): the folder of that
one is not seen then, and every other is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connectors.sources import notices
from processors.documents.kinds import kind_of
from processors.documents.sources import Content, Item, Listing, Unread
from streams.flow.errors import UserError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

PAGE = 1000
LONGEST = 300  # characters of what went wrong
_NO_NAMES = frozenset(("", ".", ".."))
_REFUSED = (" 401 Unauthorized", " 403 Forbidden")
_TOLD = re.compile(r"<Code>([^<]+)</Code>\s*<Message>([^<]+)</Message>")


class Bucket:
    """The objects below a prefix. A name is the key below it.

    `opened` opens the store, so that nothing is asked of it before the first listing.
    """

    def __init__(self, opened: Callable[[], ObjectStore], where: str, name: str = "") -> None:
        scheme, _, rest = where.partition("://")
        self._bucket, _, prefix = rest.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._below = prefix or None
        self._where = f"{scheme}://{rest.strip('/')}"
        self.name = name or self._where
        self._open = opened
        self._opened: ObjectStore | None = None

    def listing(self) -> Listing:
        """All objects; what stands for a folder is none."""
        from obstore.exceptions import InvalidPathError

        items: dict[str, Item] = {}
        unseen: dict[str, str] = {}
        with self._answering():
            try:
                found = [*self._listed(PAGE)]
            except InvalidPathError as error:
                try:
                    found, unseen = self._by_folder()
                except InvalidPathError:
                    raise error from None  # which names the object
            for each in found:
                name = each["path"].removeprefix(self._prefix)
                if each["size"] or kind_of(name) is not None:
                    items[name] = _item(each)
        return Listing(_shown(items), unseen)

    def _by_folder(self) -> tuple[list[ObjectMeta], dict[str, str]]:
        """The objects of all folders that can be listed, and of the others why they cannot."""
        import obstore
        from obstore.exceptions import InvalidPathError

        library: Any = obstore  # as above
        found: list[ObjectMeta] = []
        unseen: dict[str, str] = {}
        left: list[str | None] = [self._below]
        while left:
            folder = left.pop()
            try:
                level = library.list_with_delimiter(self._store, folder)
            except InvalidPathError as error:
                if folder == self._below:
                    raise
                assert folder is not None, "the first alone may be the bucket"
                why = f"holds an object whose key is no path ({_said(error)}): rename that object"
                unseen[folder.removeprefix(self._prefix)] = why
                continue
            found += level["objects"]
            left += level["common_prefixes"]
        return found, unseen

    def named(self, notice: bytes) -> list[str]:
        return notices.named(notice, self._bucket, self._prefix)

    def of(self, names: Collection[str]) -> Listing:
        """These objects alone; what the store does not know is gone, if it answers for the rest."""
        import obstore

        items: dict[str, Item] = {}
        unseen: dict[str, str] = {}
        missing = False
        with self._answering():
            for name in names:
                if _NO_NAMES.intersection(name.removesuffix("/").split("/")):
                    unseen[name] = "its key is no path: rename that object"
                    continue
                try:
                    items[name] = _item(obstore.head(self._store, self._prefix + name))
                except FileNotFoundError:
                    missing = True
            if missing:  # a bucket that is gone says the same of each object
                next(self._listed(1), None)
        return Listing(_shown(items), unseen)

    def read(self, name: str) -> Content:
        import obstore

        with self._answering():
            try:
                got = obstore.get(self._store, self._prefix + name)
                data, meta = bytes(got.bytes()), got.meta
            except FileNotFoundError:
                raise Unread("went while it was to be read") from None
        version = {"version_id": meta["version"]} if meta["version"] else {}
        changed = int(meta["last_modified"].timestamp() * 1000)
        uri = f"{self._where}/{name}"
        return Content(data, _item(meta).mark, max(changed, 0), uri, version)

    def wait(self, seconds: float) -> None:
        """What a bucket tells of its changes is read elsewhere."""
        time.sleep(seconds)

    def _listed(self, at_once: int) -> Iterator[ObjectMeta]:
        import obstore

        library: Any = obstore  # the types of this call name a package that is not needed
        for page in library.list(self._store, self._below, chunk_size=at_once):
            yield from page

    @property
    def _store(self) -> ObjectStore:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    @contextmanager
    def _answering(self) -> Generator[None]:
        from obstore import exceptions as refused

        try:
            yield
        except refused.InvalidPathError as error:
            raise UserError(
                f"{self._where} holds an object whose key is no path ({_said(error)}): nothing of "
                "it is fed or removed; rename that object, or follow a prefix beside it"
            ) from None
        except (refused.BaseError, OSError, ValueError) as error:
            known = isinstance(error, (refused.UnauthenticatedError, refused.PermissionDeniedError))
            if known or any(status in str(error) for status in _REFUSED):  # of a listing, no kind
                raise UserError(
                    f"{self._where} lets us not in ({_said(error)}): nothing of it is removed; "
                    "check MILLRACE_BUCKET__KEY_ID and __SECRET, and that they may list the bucket "
                    "and read its objects"
                ) from None
            raise UserError(
                f"{self._where} does not answer as a bucket does ({_said(error)}): nothing of it "
                "is removed; check the name and MILLRACE_BUCKET__ENDPOINT, __REGION and __CA_FILE"
            ) from None


def _item(meta: ObjectMeta) -> Item:
    """An entity tag changes with the content; without one, its time and size must do."""
    tag = meta["e_tag"] or meta["last_modified"].isoformat()
    return Item(f"{tag.strip(chr(34))}-{meta['size']}", meta["size"])


def _shown(items: dict[str, Item]) -> dict[str, Item]:
    """Without what a person hides by a dot."""
    return {
        name: item
        for name, item in items.items()
        if not any(part.startswith(".") for part in name.split("/"))
    }


def _said(error: Exception) -> str:
    """What happened, in the store's own words where it has any, without where the library was."""
    said = str(error).partition("\n\nDebug source")[0]
    if told := _TOLD.search(said):
        return f"{told[1]}: {told[2]}"
    return " ".join(said.split())[:LONGEST]
