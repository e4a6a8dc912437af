"""`python -m infra.image [FOLDER]`: builds the image; says its digest and how large it is."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.image.build import build, digest
from streams.flow.errors import UserError

try:
    layout = build(Path(sys.argv[1] if len(sys.argv) > 1 else "build/image").resolve())
except UserError as error:
    sys.exit(f"millrace: {error}")
size = sum(each.stat().st_size for each in (layout / "blobs" / "sha256").iterdir())
print(f"{layout}: {digest(layout)}, {size / 1e6:.0f} MB; SBOM in {layout.parent / 'sbom.json'}")
