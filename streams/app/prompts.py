"""What models are asked: the files of `prompts/`, each with the places that are filled in it."""

from __future__ import annotations

from streams.app import policies
from streams.app.settings import Settings
from streams.flow.errors import UserError

# What each prompt of `prompts/` is filled with.
PLACES = {
    "answer": frozenset({"question", "passages"}),
    "followup": frozenset({"question", "turns"}),
    "rewrite": frozenset({"question", "most"}),
}


def prompt(name: str, settings: Settings) -> policies.Prompt:
    """One of `PLACES`. Raises UserError where it is absent, wrong or has other places."""
    found = policies.prompt(name, settings.policies)
    if found.places != PLACES[name]:
        path = (settings.policies or policies.SHIPPED) / policies.PROMPTS / f"{name}.md"
        wanted = " and ".join(f"${place}" for place in sorted(PLACES[name]))
        raise UserError(f"prompt {path} must have the places {wanted}, and no others")
    return found
