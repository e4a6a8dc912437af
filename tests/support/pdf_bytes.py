"""PDFs written by hand: text of any script at any place, with no font to be had."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

Placed = tuple[float, float, str]  # from the left, from below, and the glyphs from left to right


def pdf_of(pages: Sequence[Sequence[Placed]], size: float = 12.0, glyph: float = 0.6) -> bytes:
    """A PDF of pages of runs, each glyph as wide as `glyph` of its size.

    The font is named and not embedded; its codes are characters, and it says so (`ToUnicode`), as
    the fonts of real documents do.
    """
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def "
        "/CMapType 2 def 1 begincodespacerange <0000> <FFFF> endcodespacerange "
        + "".join(
            f"1 beginbfrange <{high:02X}00> <{high:02X}FF> <{high:02X}00> endbfrange "
            for high in range(256)
            if not 0xD8 <= high <= 0xDF
        )
        + "endcmap CMapName currentdict /CMap defineresource pop end end"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H "
        "/DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /FontDescriptor 6 0 R "
        f"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/DW {round(glyph * 1000)} >>",
        _stream(cmap),
        "<< /Type /FontDescriptor /FontName /Any /Flags 4 /FontBBox [0 -200 1000 800] "
        "/ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
    ]
    kids: list[str] = []
    for runs in pages:
        drawn = "\n".join(
            f"BT /F1 {size:g} Tf {x:g} {y:g} Td <{text.encode('utf-16-be').hex()}> Tj ET"
            for x, y, text in runs
        )
        objects.append(_stream(drawn))
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    return _file([text.encode() for text in objects])


def slow_pdf(mark: str = "", rows: int = 10_000) -> bytes:
    """A small PDF that takes seconds to read: a million glyphs on one page, well packed.

    Each of its `rows` has 100.
    """
    row = b"5 0 Td (w) Tj " * 100
    page = zlib.compress(b"BT /F1 4 Tf 30 800 Td " + rows * (row + b"-500 -0.07 Td ") + b" ET")
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [4 0 R] >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>",
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(page), page),
            f"<< /Title ({mark}) >>".encode(),
        ]
    )


def _file(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, the first of which is its catalogue."""
    out = b"%PDF-1.7\n"
    places: list[int] = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + (head + tail).encode()


def _stream(text: str) -> str:
    return f"<< /Length {len(text)} >>\nstream\n{text}\nendstream"
