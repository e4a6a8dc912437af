"""Whether a tenant may ask now: not while it is suspended, or has no money or no question left."""

from __future__ import annotations

from dataclasses import dataclass, field

from processors.money.ports import Free, NoSuspensions, Purse, Suspensions


@dataclass(frozen=True, slots=True)
class Admission:
    """What `admit` asks of a tenant."""

    purse: Purse = field(default_factory=Free)
    suspensions: Suspensions = field(default_factory=NoSuspensions)

    def refusal(self, tenant: str, place: str) -> str:
        """Why not, for who asked, with the time from which on it may; empty: it may."""
        why = self.suspensions.why(tenant)
        return self.purse.refusal(tenant, place) if why is None else suspended(why)


def suspended(why: str) -> str:
    """What is said of anything of a suspended tenant."""
    return f"this tenant is suspended{': ' * bool(why)}{why} (rule tenant-suspended)"
