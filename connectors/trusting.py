"""Which authority a server's certificate is to be of."""

from __future__ import annotations

import ssl
from pathlib import Path

from streams.flow.errors import UserError


def trusting(ca_file: Path | None, setting: str) -> ssl.SSLContext | bool:
    """The authority in a file, or those that the system trusts; `setting` names the file's.

    Raises:
        UserError: the file holds no certificates, or cannot be read.
    """
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise UserError(f"{setting}: {ca_file} cannot be used: {error}") from None
