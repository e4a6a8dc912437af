"""A section of the settings: what one outside system can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """`MILLRACE_<SECTION>__<FIELD>`, or a table of that name in the TOML file.

    A field of type SecretStr is a secret: only processes whose ports use this section get it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    section: ClassVar[str]


class Table(Section):
    """A section of entries that whoever configures it names: `MILLRACE_<SECTION>__<NAME>__<FIELD>`.

    A table of tables in the TOML file.
    """

    model_config = ConfigDict(frozen=True, extra="allow", validate_default=True)

    entry: ClassVar[type[BaseModel]]

    @property
    def all(self) -> Mapping[str, BaseModel]:
        """By name."""
        raise NotImplementedError
