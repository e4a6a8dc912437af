"""A broker that anybody may write to is named as such."""

from __future__ import annotations

import pytest

from streams.runtime.kafka import open_to
from streams.runtime.settings import RuntimeSettings

HERE, ELSEWHERE = "any user of this machine", "whoever reaches it"


@pytest.mark.parametrize(
    ("servers", "options", "who"),
    [
        ("127.0.0.1:9092", {}, HERE),
        ("localhost:9092,[::1]:9093", {}, HERE),
        ("127.0.0.1:9092,kafka.bank:9092", {}, ELSEWHERE),
        ("kafka.bank:9092", {"security.protocol": "PLAINTEXT"}, ELSEWHERE),
        ("kafka.bank:9092", {"security.protocol": "SASL_SSL"}, ""),
        ("127.0.0.1:9092", {"Security.Protocol": "sasl_plaintext"}, ""),
    ],
)
def test_who_may_write_is_told_unless_a_password_is_asked(
    servers: str, options: dict[str, str], who: str
) -> None:
    said = open_to(RuntimeSettings(bootstrap_servers=servers, kafka=options))
    assert said.startswith(who) and bool(said) == bool(who)
