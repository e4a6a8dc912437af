"""The command line: `millrace VERB`. Each file holds the verbs of one subject."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points

import typer

from schemas.json_lines import visible
from streams.cli import (
    cdc,
    costs,
    dlq,
    documents,
    following,
    guarding,
    onboarding,
    operations,
    planning,
    policies,
    questions,
    reindexing,
    rendering,
    schemas,
    stack,
    tenants,
    weights,
)
from streams.flow.errors import MillraceError, UserError
from streams.flow.masking import masked

FAILED = 1
USER_ERROR = 2

app = typer.Typer(
    name="millrace",
    help="Changing documents in, cited answers out: one event-streaming pipeline on Apache Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for module in (
    stack,
    documents,
    following,
    reindexing,
    questions,
    operations,
    policies,
    rendering,
    planning,
    weights,
):
    app.add_typer(module.app)
app.add_typer(cdc.app, name="cdc")
app.add_typer(costs.app, name="cost")
app.add_typer(dlq.app, name="dlq")
app.add_typer(documents.index_app, name="index")
app.add_typer(guarding.app, name="policy")
app.add_typer(onboarding.app, name="new")
app.add_typer(operations.topics_app, name="topics")
app.add_typer(schemas.app, name="schemas")
app.add_typer(tenants.app, name="tenant")


def main() -> None:
    """Run the command line; a UserError is one sentence and exit code 2."""
    # Demo and measurements live above this package in the import order, so they plug in from
    # there; what they import is paid for only by who names them, or asks what there is.
    verb = next(iter(sys.argv[1:]), "--help")
    for point in entry_points(group="millrace.commands"):
        if verb in (point.name, "--help"):
            app.add_typer(point.load(), name=point.name)
    try:
        app()
    except UserError as error:
        print(f"millrace: {visible(masked(str(error)))}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except MillraceError as error:
        print(f"millrace: {visible(masked(str(error)))}", file=sys.stderr)
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
