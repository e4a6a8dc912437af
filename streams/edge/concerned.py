"""Which documents a changed chunking policy concerns, and what is asked for again of each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from schemas import topics
from schemas.access import said_again
from schemas.events import DocumentChanged, DocumentIndexed

Key = str  # `topics.document_key`
Stamp = tuple[int, int]  # version, sequence
Chunked = tuple[str, Stamp]  # how a searchable chunk was cut, and of which version it is
HashOf = Callable[[str], str]  # the chunking that a type of document gets now


@dataclass(slots=True)
class Plan:
    """What there is and what has to be chunked again."""

    documents: int = 0  # that are not deleted and hold text
    concerned: dict[Key, Stamp] = field(default_factory=dict[Key, Stamp])


def plan(
    acknowledged: Iterable[DocumentIndexed],
    hash_of: HashOf,
    *,
    tenant: str = "",
    doc_type: str = "",
) -> Plan:
    """Which documents are not chunked as they would be now, says what became searchable last.

    Of each document the newest version counts: an older one may be acknowledged after it.
    """
    newest: dict[Key, tuple[tuple[int, ...], DocumentIndexed]] = {}
    for done in acknowledged:
        document = done.document
        if done.superseded or not done.last:
            continue
        key = topics.document_key(document)
        stamp = (document.version, document.sequence, document.generation)
        if key not in newest or stamp >= newest[key][0]:
            newest[key] = stamp, done
    found = Plan()
    for key, (_, done) in newest.items():
        document = done.document
        if not done.chunks or tenant not in ("", document.tenant):
            continue
        if doc_type not in ("", document.doc_type):
            continue
        found.documents += 1
        if done.chunking != hash_of(document.doc_type):
            found.concerned[key] = document.version, document.sequence
    return found


def compared(
    changes: Iterable[DocumentChanged],
    chunked: Mapping[Key, set[Chunked]],
    hash_of: HashOf,
    *,
    tenant: str = "",
    doc_type: str = "",
) -> Plan:
    """The same from all texts and from what the index holds: for an index that lost documents.

    `chunked` has what a document's searchable chunks carry; one that is not searchable though it
    holds text is concerned too, and one of which another version is. Of each document the newest
    version counts, wherever in `changes` it stands.
    """
    newest: dict[Key, tuple[Stamp, bool, str]] = {}
    for change in changes:
        document = change.document
        if document.op == "access":
            continue
        if tenant not in ("", document.tenant) or doc_type not in ("", document.doc_type):
            continue
        key, stamp = topics.document_key(document), (document.version, document.sequence)
        known = newest.get(key)
        if known is not None and stamp < known[0]:
            continue
        text = document.op == "upsert" and not change.body.isspace() and change.body != ""
        text = text or (known is not None and stamp == known[0] and known[1])  # of another part
        newest[key] = (stamp, text, hash_of(document.doc_type))
    found = Plan()
    for key, (stamp, text, wanted) in newest.items():
        found.documents += text
        if text and chunked.get(key) != {(wanted, stamp)}:
            found.concerned[key] = stamp
    return found


def asked_again(
    changes: Iterable[DocumentChanged],
    concerned: Mapping[Key, Stamp],
    generation: int,
    gone: Container[Key] = (),
) -> Iterator[DocumentChanged]:
    """The changes to chunk again; of a version's parts each one once, the last part last.

    A version that came after the plan is asked for too: the one that was planned with may be gone.
    Of the documents `gone`, their deletes.
    """
    seen: set[tuple[Key, Stamp, int]] = set()
    for change in changes:
        document = change.document
        key, stamp = topics.document_key(document), (document.version, document.sequence)
        wanted = key in concerned and stamp >= concerned[key]
        wanted = wanted and (document.op == "upsert" or key in gone)
        if wanted and (key, stamp, change.part) not in seen:
            seen.add((key, stamp, change.part))
            yield replace(change, document=replace(document, generation=generation))


def access_again(
    acknowledged: Iterable[DocumentIndexed], concerned: Container[Key], generation: int
) -> Iterator[DocumentChanged]:
    """Who may see these documents, for a store that may have lost it with them.

    It is to go before the texts, which open a document of which nothing is known.
    """
    for done in acknowledged:
        document = done.document
        if document.op == "access" and topics.document_key(document) in concerned:
            for each in said_again(done):
                yield DocumentChanged(document=replace(each, generation=generation), body="")
