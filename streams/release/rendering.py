"""What is rendered from the topology: rows of a table, and the README's picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from streams.app.rights import Principal, Resource
from streams.flow.stage import Stage
from streams.flow.topic import Topic

ENDING = ("admit", "generate")  # stages that end questions by design


def _name(topic: Topic[Any]) -> str:
    return topic.name if topic.suffix is None else f"{topic.name}.<{_suffix(topic)}>"


def _suffix(topic: Topic[Any]) -> str:
    return "tier" if topic.name == "rag.generate" else "name"


def rows(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """One row a stage: name, what it reads, writes, and where its dead letters go."""
    return [
        {
            "stage": stage.name,
            "reads": [topic.name for topic in stage.reads],
            "writes": [_name(topic) for topic in stage.writes],
            "dead_letters": stage.dead_letters.name,
            "state": [topic.name for topic in stage.changelogs],
            "needs": [port.name for port in stage.needs],
            "process": stage.place.process,
            "background": stage.place.background,
        }
        for stage in stages
    ]


def mermaid(stages: Sequence[Stage]) -> str:
    """A Mermaid flowchart: topics are rounded, stages are boxes; dead letters are left out."""
    lines = ["flowchart LR"]
    ids: dict[str, str] = {}

    def topic_id(name: str) -> str:
        if name not in ids:
            ids[name] = name.replace(".", "_")
            lines.append(f"  {ids[name]}([{name}])")
        return ids[name]

    writers = Counter(topic.name for stage in stages for topic in stage.writes)
    read = {topic.name for stage in stages for topic in stage.reads}
    for stage in stages:
        box = "stage_" + stage.name.replace(".", "_")
        lines.append(f"  {box}[{stage.name}]")
        lines.extend(f"  {topic_id(topic.name)} --> {box}" for topic in stage.reads)
        for position, topic in enumerate(stage.writes):
            names = [topic.name]
            if topic.suffix is not None:
                names = sorted(name for name in read if name.startswith(topic.name + "."))
            # Every question stage may also end a question; two arrows each would hide the flow.
            aside = position and writers[topic.name] > 1
            if aside and stage.name.partition(".")[0] not in ENDING:
                continue
            lines.extend(f"  {box} --> {topic_id(name)}" for name in names)
    return "\n".join(lines)


def rights(principals: Sequence[Principal]) -> list[str]:
    """A Markdown table: what each principal may do. A name that ends in `*` is a beginning."""

    def named(of: Principal, resource: Resource, *operations: str) -> str:
        found = [
            f"`{each.name}{'*' * each.prefixed}`"
            for each in of.rights
            if each.resource == resource and each.operation in operations
        ]
        return ", ".join(found)

    rows = [
        (
            f"`{each.name}`",
            named(each, "topic", "read"),
            named(each, "topic", "write"),
            named(each, "group", "read"),
            named(each, "transactional_id", "write"),
            _looked_at(each),
        )
        for each in principals
    ]
    head = ("principal", "reads", "writes", "commits as", "transactional ids", "besides")
    return [_line(head), _line(["---"] * len(head)), *map(_line, rows)]


def _looked_at(principal: Principal) -> str:
    """What it may do beside reading and writing, by how many there are of it."""
    counts = Counter(
        (each.operation, each.resource)
        for each in principal.rights
        if each.operation not in ("read", "write")
    )
    return ", ".join(
        f"{operation.replace('_', ' ')} {count} {resource}s"
        for (operation, resource), count in sorted(counts.items())
    )


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
