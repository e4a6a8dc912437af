"""The codec of these settings: what every program needs that reads or writes events."""

from __future__ import annotations

from contextlib import ExitStack

from connectors.schema_registry.port import RegistrySettings, registry
from streams.app.settings import Settings
from streams.runtime.codec import Codec
from streams.runtime.telemetry import watch_peer


def codec(settings: Settings, stack: ExitStack) -> Codec:
    """The codec, with the schema registry where one is configured."""
    section = settings.of(RegistrySettings)
    if not section.url:
        return Codec()
    opened = registry(section, watch_peer)
    stack.callback(opened.close)
    return Codec(opened)
