"""What a reader sees of a page's form fields and pictures, and lists of what it holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.converters.web_unseen import replace
from processors.text.ticks import TICKED, UNTICKED

_SILENT_FIELDS = ("hidden", "submit", "button", "reset", "image", "password", "file")
_FEWEST_ANCHORS = 3
_ALT_WORDS = 3  # fewer name an icon or a logo


def say_fields(root: Any, left: Counter[str]) -> None:
    """What stands in the fields of a form, and what says what a picture shows."""
    for each in list(root.iter("input", "select", "img", "iframe", "object", "embed", "audio")):
        if each.getparent() is None:
            continue
        said = ""
        kind = (each.get("type") or "text").lower()
        if each.tag == "input":
            if kind in ("checkbox", "radio"):
                said = f"{TICKED if 'checked' in each.attrib else UNTICKED} "
            elif kind not in _SILENT_FIELDS:
                said = f" {each.get('value') or ''} "
        elif each.tag == "select":
            options = list(each.iter("option"))
            chosen = [option for option in options if "selected" in option.attrib] or options[:1]
            said = ", ".join(" ".join("".join(option.itertext()).split()) for option in chosen)
        elif each.tag == "img":
            alt = " ".join((each.get("alt") or "").split())
            said = f" [Picture: {alt}] " if len(alt.split()) >= _ALT_WORDS else ""
        else:
            left["embedded"] += 1
        replace(each, said)


def drop_contents(root: Any) -> None:
    """Lists of links to places of the page itself: they tell where things are, not what."""
    for each in list(root.iter("nav", "ul", "ol")):
        links = list(each.iter("a"))
        inside = [link for link in links if (link.get("href") or "").startswith("#")]
        if len(inside) < _FEWEST_ANCHORS or len(inside) != len(links) or each.getparent() is None:
            continue
        linked = sum(len("".join(link.itertext()).strip()) for link in links)
        if linked * 10 >= len("".join("".join(each.itertext()).split())) * 8:
            replace(each, "")
