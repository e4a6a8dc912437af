"""Whether a tenant's change is taken in, and by which lane."""

from __future__ import annotations

from dataclasses import dataclass, field

from processors.documents.quota import LiveQuota
from processors.money.admission import suspended
from processors.money.ports import NoSuspensions, Suspensions
from processors.needs import SUSPENSIONS, TENANCY
from schemas.events import DocumentFed
from streams.flow.errors import Reject
from streams.flow.port import Opened

NEEDS = (TENANCY, SUSPENSIONS)


@dataclass(frozen=True, slots=True)
class Feeding:
    """A tenant's quota of live changes, and whether it is suspended."""

    quota: LiveQuota
    suspensions: Suspensions = field(default_factory=NoSuspensions)

    def live(self, document: DocumentFed, at_ms: int) -> bool:
        """Whether somebody waits for a change; those above the quota go by the bulk lane.

        What removes a document, or says who may see it, is taken of everybody: it must be gone.

        Raises:
            Reject: the tenant is suspended.
        """
        why = self.suspensions.why(document.tenant) if document.op == "upsert" else None
        if why is not None:
            raise Reject(
                f"{suspended(why)}: `millrace dlq replay` takes the change in once it is resumed"
            )
        if document.op == "access":  # that costs next to nothing, and somebody must not see it
            return True
        return self.quota.take(document.tenant, at_ms)


def feeding(opened: Opened, live_changes_per_minute: int) -> Feeding:
    """By policies/tenants.yaml; of whom it gives no quota, by the settings."""
    tenancy = opened[TENANCY]

    def most(tenant: str) -> int:
        own = tenancy().quotas_of(tenant).changes_per_minute
        return live_changes_per_minute if own is None else own

    return Feeding(LiveQuota(most), opened[SUSPENSIONS])
