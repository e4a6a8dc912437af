"""Files to text as a port."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from connectors.converters.made import Limits
    from processors.ports import Converter


AT_ONCE = range(2, 5)  # unless the settings say otherwise: each may take a core and much memory


class ConvertSettings(Section):
    """What converting documents may cost."""

    section: ClassVar[str] = "convert"

    max_document_bytes: int = Field(default=16 * 1024 * 1024, ge=1)
    timeout_s: float = Field(
        default=60.0, gt=0, description="Processor time that converting one file may take"
    )
    memory_mb: int = Field(
        default=1024, ge=256, description="Memory that converting one file may take"
    )

    processes: int = Field(
        default=0,
        ge=0,
        description="Files that a worker converts at once, of which no tenant has them all; 0: one "
        "a core, but 2 at least and 4 at most",
    )
    budget_s: float = Field(
        default=30.0,
        gt=0,
        description="Seconds of conversion a minute from which on a tenant is told of. Its files "
        "wait behind those of others; none is refused",
    )

    def at_once(self) -> int:
        """How many files a worker converts at once."""
        cores = len(os.sched_getaffinity(0))
        return self.processes or min(max(cores, AT_ONCE.start), AT_ONCE.stop - 1)

    @property
    def limits(self) -> Limits:
        """As the converters take them."""
        from connectors.converters.made import Limits

        return Limits(
            max_bytes=self.max_document_bytes,
            max_text_bytes=self.max_document_bytes,
            timeout_s=self.timeout_s,
            memory_mb=self.memory_mb,
        )


def converter(settings: ConvertSettings, opening: Opening) -> Converter:
    """Converts in processes of its own, which the first file of a binary format starts."""
    from connectors.converters.documents import Documents

    return opening.stack.enter_context(Documents(settings.limits))
