"""Boxes that are ticked or not, in one spelling whatever file they are from."""

from __future__ import annotations

TICKED, UNTICKED = "☑", "☐"
_DOT, _CIRCLE = "◉", "○"
# What symbol fonts show for a letter; by the letter's last two digits, since both 6F and F06F are
# written.
_WINGDINGS = {
    "6C": "●", "6E": "■", "6F": UNTICKED, "70": UNTICKED, "71": UNTICKED, "72": UNTICKED,
    "A1": _CIRCLE, "A4": _DOT, "A8": UNTICKED, "FB": "✗", "FC": "✓", "FD": TICKED, "FE": TICKED,
    "A7": "▪", "9F": "•", "E0": "→", "DF": "←", "F0": "⇨", "D8": "➢", "4A": "☺", "4C": "☹",
    "28": "☎", "2A": "✉",
}  # fmt: skip
_WINGDINGS_2 = {
    "4F": "✗", "50": "✓", "51": TICKED, "52": TICKED, "53": TICKED, "54": TICKED, "A3": UNTICKED,
    "2A": UNTICKED, "2B": UNTICKED, "99": _CIRCLE, "9A": _CIRCLE, "9E": _DOT,
}  # fmt: skip
_SYMBOL = {
    "B0": "°", "B1": "±", "A3": "≤", "B3": "≥", "6D": "μ", "AE": "→", "B4": "\u00d7", "B8": "÷",
    "B9": "≠", "BB": "≈", "B7": "•", "D6": "√", "A5": "∞", "44": "Δ", "53": "Σ", "70": "π",
    "62": "β", "64": "δ", "65": "ε", "6C": "λ", "57": "Ω", "2D": "\u2212",
}  # fmt: skip
_FONTS = {"wingdings": _WINGDINGS, "wingdings 2": _WINGDINGS_2, "symbol": _SYMBOL}


def symbol(font: str, letter: str) -> str:
    """What a reader sees of a letter, in hexadecimal digits, of a symbol font; "" if not known."""
    known = _FONTS.get(font.strip().lower())
    if known is not None:
        return known.get(letter.upper()[-2:], "")
    try:
        code = int(letter, 16)
    except ValueError:
        return ""
    return "" if 0xE000 <= code <= 0xF8FF or code > 0x10FFFF or code < 0x20 else chr(code)
