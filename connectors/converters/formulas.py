"""Word's equations in one line, as one would type them: (a + b)/2, x^2, √(x)."""

from __future__ import annotations

from typing import Any

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
FORMULA = f"{M}oMath"


def linear(node: Any) -> str:
    """The text of an equation or of a part of it."""
    tag = str(node.tag).removeprefix(M)
    match tag:
        case "t":
            return node.text or ""
        case "f":
            return f"{_group(node, 'num')}/{_group(node, 'den')}"
        case "sSup" | "sSub" | "sSubSup":
            return _part(node, "e") + _limits(node)
        case "nary":
            return f"{_said(node, 'naryPr', 'chr', '∫')}{_limits(node)} {_part(node, 'e')}"
        case "rad":
            return f"{_part(node, 'deg')}√({_part(node, 'e')})"
        case "d":
            inner = _joined(node, "e", ", ")
            return f"{_said(node, 'dPr', 'begChr', '(')}{inner}{_said(node, 'dPr', 'endChr', ')')}"
        case "m":
            return _joined(node, "mr", "; ")
        case "mr":
            return _joined(node, "e", ", ")
        case "eqArr":
            return _joined(node, "e", "; ")
        case "func":
            return f"{_part(node, 'fName')} {_part(node, 'e')}"
        case "limLow" | "limUpp":
            return f"{_part(node, 'e')} {_part(node, 'lim')}"
        case _:
            return "".join(map(linear, node.iterchildren("*")))


def _part(node: Any, name: str) -> str:
    part = node.find(f"{M}{name}")
    return "" if part is None else "".join(map(linear, part.iterchildren("*")))


def _joined(node: Any, name: str, between: str) -> str:
    return between.join(map(linear, node.iterchildren(f"{M}{name}")))


def _group(node: Any, name: str) -> str:
    text = _part(node, name)
    return text if text.isalnum() else f"({text})"


def _limits(node: Any) -> str:
    """What stands below and above."""
    marks = (("_", "sub"), ("^", "sup"))
    return "".join(f"{mark}{_group(node, name)}" for mark, name in marks if _part(node, name))


def _said(node: Any, properties: str, name: str, default: str) -> str:
    found = node.find(f"{M}{properties}/{M}{name}")
    return default if found is None else found.get(f"{M}val", "")
