"""The command line: `millrace VERB`. Each file holds the verbs of one subject."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import entry_points

import typer

from schemas.json_lines import visible
from streams.flow.errors import MillraceError, UserError
from streams.flow.masking import masked

FAILED = 1
USER_ERROR = 2

VERBS = {
    "up": "stack",
    "down": "stack",
    "status": "stack",
    "run": "stack",
    "feed": "documents",
    "follow": "following",
    "reindex": "reindexing",
    "ask": "questions",
    "feedback": "questions",
    "trail": "questions",
    "topology": "operations",
    "lag": "operations",
    "doctor": "operations",
    "check": "policies",
    "render": "rendering",
    "plan": "planning",
    "weights": "weights",
}
GROUPS = {
    "cdc": "cdc:app",
    "cost": "costs:app",
    "dlq": "dlq:app",
    "index": "documents:index_app",
    "policy": "guarding:app",
    "new": "onboarding:app",
    "topics": "operations:topics_app",
    "schemas": "schemas:app",
    "tenant": "tenants:app",
}
PLUGGED_IN = "millrace.commands"


def command_line(verb: str = "") -> typer.Typer:
    """The command line, or as much of it as this verb needs.

    A verb costs what its own file imports; all of them are imported only for who asks what there
    is, or for a verb that is none. `bench`, `demo` and `tune` live above this package in the order
    of imports, so they plug in from there.
    """
    made = typer.Typer(
        name="millrace",
        help="Changing documents in, cited answers out: one event-streaming pipeline on Apache"
        " Kafka.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    made.callback()(_whole)
    flat, groups, plugged = VERBS, GROUPS, ()
    if verb in VERBS:
        flat, groups = {verb: VERBS[verb]}, {}
    elif verb in GROUPS:
        flat, groups = {}, {verb: GROUPS[verb]}
    else:
        plugged = entry_points(group=PLUGGED_IN)
        if verb in plugged.names:
            flat, groups, plugged = {}, {}, plugged.select(name=verb)
    for module in dict.fromkeys(flat.values()):
        made.add_typer(_found(f"{module}:app"))
    for name, place in groups.items():
        made.add_typer(_found(place), name=name)
    for point in plugged:
        made.add_typer(point.load(), name=point.name)
    return made


def _whole() -> None:
    """With a callback, a command line of one verb still has its verb named."""


def _found(place: str) -> typer.Typer:
    module, _, name = place.partition(":")
    return getattr(import_module(f"streams.cli.{module}"), name)


def main() -> None:
    """Run the command line; a UserError is one sentence and exit code 2."""
    try:
        command_line(next(iter(sys.argv[1:]), "--help"))()
    except UserError as error:
        print(f"millrace: {visible(masked(str(error)))}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except MillraceError as error:
        print(f"millrace: {visible(masked(str(error)))}", file=sys.stderr)
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
