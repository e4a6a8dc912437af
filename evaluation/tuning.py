"""`millrace tune`: a company's own questions and judgements make its retrieval better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make a policy better from your own data.", no_args_is_help=True)
NO_BETTER = 1

Folders = Annotated[list[Path], typer.Option("--data", help="A BEIR folder; several count alike.")]
Output = Annotated[
    Path,
    typer.Option("--output", help="The policy to write; the trees go into retrieval/ beside it."),
]
Folds = Annotated[int, typer.Option(min=2, help="Parts the questions are held out in, in turn.")]
Split = Annotated[str | None, typer.Option(help="Of qrels/; unset: train, else dev, else test.")]
Json = Annotated[bool, typer.Option("--json", help="What was found, as JSON.")]


@app.callback()
def tune() -> None:
    """Make a policy better from your own data."""


@app.command()
def retrieval(
    data: Folders,
    output: Output = Path("policies/retrieval.yaml"),
    folds: Folds = 3,
    split: Split = None,
    json: Json = False,
) -> None:
    """Weights and re-ordering from judged questions.

    Every question is held out once: what is written is only written where the questions that were
    held out are answered better than by the present policy. Otherwise exit code 1.
    """
    import json as format_json
    import tempfile

    from rich.console import Console

    from evaluation.retrieval import tuning

    err = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="millrace-tune-") as folder:
        found = tuning.run(
            data,
            Path(folder),
            folds=folds,
            split=split,
            say=lambda what: err.print(f"[dim]{what}[/dim]"),
        )
    written = found.better
    if written:
        tuning.write(found, output)
    out = Console(highlight=False)
    if json:
        print(format_json.dumps(found.as_json() | {"written": str(output) if written else None}))
    else:
        for line in found.lines():
            out.print(line)
        out.print(
            f"written: {output}" if written else "nothing written: no better on held-out questions"
        )
    if not written:
        raise typer.Exit(NO_BETTER)
