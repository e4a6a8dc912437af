"""Who asks: what is known of it, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.events import Question

TRUST = "trust"  # the body of the request is believed
TOPIC = "topic"  # the tenant follows from the topic that it may write
TOKEN = "token"  # noqa: S105 - a signed one says all of it


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks; roles and classes are there only where they are proven."""

    tenant: str
    user: str = ""
    roles: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    proof: str = TRUST

    def asked(self) -> dict[str, object]:
        """As a policy is told of it."""
        return {
            "tenant": self.tenant,
            "user": self.user,
            "roles": [*self.roles],
            "classes": [*self.classes],
            "proof": self.proof,
        }


def identity_of(question: Question) -> Identity:
    """Who asks an admitted question."""
    return Identity(
        question.tenant,
        question.user or "",
        tuple(question.roles),
        tuple(question.classes),
        question.proof,
    )
