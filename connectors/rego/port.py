"""The policy as a port: its Rego in process, or an OPA server's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from processors.guard.shadow import Shadowed
from streams.flow.port import Opening
from streams.flow.section import Section

if TYPE_CHECKING:
    from processors.guard.ports import Policy


class PolicySettings(Section):
    """Who decides what may be asked, searched for and shown."""

    section: ClassVar[str] = "policy"

    url: str = Field(
        default="",
        description="An OPA server that has the package rag.authz; empty: the policies folder's "
        "authz/*.rego, in process",
    )
    timeout_s: float = Field(default=0.5, gt=0, le=10, description="Of one decision of the server")
    shadow: Path | None = Field(
        default=None,
        description="A policies folder whose policy is asked beside the one in force and heeded by "
        "nobody: what it would decide otherwise stands in events and metrics",
    )
    poll_s: float = Field(default=2.0, gt=0, description="Between two looks at the policies folder")


def policy(settings: PolicySettings, opening: Opening) -> Policy:
    """Whoever decides; in process, each process has its own."""

    def opened() -> Policy:
        live = in_force()
        if settings.shadow is None:
            return live
        from connectors.rego.policy import RegoPolicy

        candidate = RegoPolicy(
            settings.shadow, poll_s=settings.poll_s, watch=opening.watch, peer="policy-shadow"
        )
        return Shadowed(live, opening.stack.enter_context(candidate))

    def in_force() -> Policy:
        if settings.url:
            from connectors.opa.policy import OpaPolicy

            server = OpaPolicy(settings.url, timeout_s=settings.timeout_s, watch=opening.watch)
            opening.stack.callback(server.close)
            return server
        from connectors.rego.policy import RegoPolicy

        own = RegoPolicy(
            opening.policies,
            poll_s=settings.poll_s,
            tried=not opening.shipped,
            watch=opening.watch,
        )
        return opening.stack.enter_context(own)

    return opening.once(("policy", settings.url, settings.shadow), opened)
