"""The gates as a release ships them, and as somebody may break them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.quality import gates
from streams.flow.errors import UserError


def test_the_shipped_gates_gate_every_metric() -> None:
    found = gates.read()
    assert found.least == dict(zip(gates.GATED, (0.85, 0.80, 0.75, 0.70, 0.95), strict=True))


@pytest.mark.parametrize("wrong", ["measured = nan", "measured = 90", "measured = [1]", ""])
def test_gates_that_no_share_can_meet_are_a_user_error(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "gates.toml").write_text(f'version = "gates-1"\n{wrong}\n[gates]\n')
    with pytest.raises(UserError, match=r"gates\.toml cannot be used: 'measured' is"):
        gates.read(tmp_path)


def test_a_gate_for_what_is_not_measured_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text('version = "1"\nmeasured = 0.9\n[gates]\nfaith = 0.9\n')
    with pytest.raises(UserError, match="'gates': 'faith' is not measured; faithfulness,"):
        gates.read(tmp_path)
