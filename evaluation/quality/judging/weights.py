"""Where the weights of the judge's reader are found."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from streams.flow.errors import UserError

PACKAGE, FILE = "millrace_judge", "reader.npz"
CHECKOUT = Path(__file__).parents[2] / "judge_weights" / PACKAGE / FILE
REMEDY = (
    "the local judge's weights are not installed: add the wheel millrace-judge "
    "(`pip install 'millrace[judge]'`, or `pip install ./evaluation/judge_weights` from a "
    "checkout), or name another judge with MILLRACE_JUDGE__URL"
)
KEPT = 0.8  # of what training changed


def shipped() -> Path:
    """The file of weights: the checkout's, else that of the wheel `millrace-judge`.

    Raises `UserError` where there is neither.
    """
    if CHECKOUT.is_file():
        return CHECKOUT
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(REMEDY)
    return Path(found.submodule_search_locations[0]) / FILE
