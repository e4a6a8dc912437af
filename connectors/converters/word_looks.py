"""How letters of a Word document look: struck, hidden, raised, white on white."""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.converters.numbering import W, value

_PLAIN_TABLES = ("", "TableGrid", "TableNormal")
_TINY = 4  # half points


class Look(NamedTuple):
    """What a style or a run says of letters; None where it says nothing."""

    struck: bool | None = None
    hidden: bool | None = None
    stands: str | None = None


def look(properties: Any) -> Look:
    """What run properties say."""
    if properties is None:
        return Look()
    at = _val_of(properties, "vertAlign")
    stands = {"superscript": "up", "subscript": "down", "baseline": ""}.get(at)
    strikes = [on(properties, name) for name in ("strike", "dstrike")]
    struck = next(filter(None, strikes), strikes[0])
    return Look(struck, on(properties, "vanish"), stands)


def on(properties: Any, name: str) -> bool | None:
    """Whether a switch is on; None where it is not there."""
    found = properties.find(f"{W}{name}")
    return None if found is None else value(found, "val") not in ("0", "false", "off")


def white(run: Any, properties: Any) -> bool:
    """White letters on what is no shade: not those of a header set on a dark ground."""
    if _val_of(properties, "color").upper() != "FFFFFF" or _shaded(properties):
        return False
    for around in run.iterancestors(f"{W}p", f"{W}tc", f"{W}tbl"):
        name = around.tag.removeprefix(W)
        own = around.find(f"{W}{name}Pr")
        styled = val(around, "tblPr", "tblStyle") not in _PLAIN_TABLES
        if styled or (own is not None and _shaded(own)):
            return False
    return True


def _shaded(properties: Any) -> bool:
    shade = properties.find(f"{W}shd")
    fill = value(shade, "fill").upper() if shade is not None else ""
    return fill not in ("", "AUTO", "FFFFFF") or properties.find(f"{W}highlight") is not None


def tiny(properties: Any) -> bool:
    """Letters too small to be read."""
    size = _val_of(properties, "sz")
    return size.isdigit() and int(size) <= _TINY


def _val_of(properties: Any, name: str) -> str:
    found = properties.find(f"{W}{name}")
    return "" if found is None else value(found, "val")


def val(element: Any, *path: str) -> str:
    """The value of what is below an element; "" where it is not there."""
    found = element.find("/".join(f"{W}{name}" for name in path))
    return "" if found is None else value(found, "val")
