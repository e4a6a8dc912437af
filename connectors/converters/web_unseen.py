"""What of a page no reader sees: hidden and struck out elements, comments."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

_STRUCK = ("del", "s", "strike")
_UNSEEN = ("script", "style", "template", "noscript", "datalist", "head", "rp")
_NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_NO_SIZE = re.compile(r"(?:font-size|opacity)\s*:\s*0(?:\.0+)?(?![\d.])", re.IGNORECASE)
_LINE_THROUGH = re.compile(r"text-decoration[\w-]*\s*:[^;]*line-through", re.IGNORECASE)
_WHITE = re.compile(
    r"(?<![\w-])color\s*:\s*(?:white\b|#fff(?:fff)?\b|rgb\(\s*255\s*,\s*255\s*,\s*255\s*\))",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(r"background", re.IGNORECASE)
_HIDING_RULE = re.compile(
    r"([.#][\w-]{1,80})\s*\{[^{}]{0,2000}?"
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden)"
)
_WORDS = re.compile(r"[^\W\d_]{2,}")
_COMMENT_WORDS = 3


def drop_comments(root: Any, etree: Any, left: Counter[str]) -> None:
    """Take comments away, and count those that say something."""
    for each in [*root.iter(etree.Comment), *root.iter(etree.ProcessingInstruction)]:
        said = each.text or ""
        if not said.startswith("[if") and len(_WORDS.findall(said)) >= _COMMENT_WORDS:
            left["comment"] += 1
        if each.getparent() is not None:
            replace(each, "")


def drop_unseen(root: Any, left: Counter[str]) -> None:
    """Take away what is hidden or struck out, and count it."""
    styles = [style.text or "" for style in root.iter("style")]
    rules = {rule for style in styles for rule in _HIDING_RULE.findall(style)}
    for each in list(root.iter()):
        if not isinstance(each.tag, str) or each is root or each.tag in _UNSEEN:
            continue
        kind = _why_unseen(each, rules)
        if kind and each.getparent() is not None:
            said = "".join(each.itertext())
            left[kind] += bool(said.strip())
            replace(each, "")


def _why_unseen(each: Any, rules: set[str]) -> str:
    if each.tag in _STRUCK:
        return "struck"
    style = each.get("style") or ""
    if _LINE_THROUGH.search(style):
        return "struck"
    if "hidden" in each.attrib and each.get("hidden") != "until-found":
        return "hidden"
    if each.tag == "dialog" and "open" not in each.attrib:
        return "hidden"
    if _NO_DISPLAY.search(style) or _NO_SIZE.search(style):
        return "hidden"
    if rules:
        names = [f".{name}" for name in (each.get("class") or "").split()]
        if rules.intersection([*names, f"#{each.get('id')}"]):
            return "hidden"
    if _WHITE.search(style) or (each.tag == "font" and _is_white(each.get("color") or "")):
        around = [each, *each.iterancestors()]
        if not any(_BACKGROUND.search(a.get("style") or "") or a.get("bgcolor") for a in around):
            return "hidden"
    return ""


def _is_white(color: str) -> bool:
    return color.lower() in ("white", "#fff", "#ffffff")


def replace(each: Any, text: str) -> None:
    """Text in place of an element."""
    text += each.tail or ""
    parent, before = each.getparent(), each.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(each)
