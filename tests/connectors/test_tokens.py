"""Whose a token is: what proves it, and everything that does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from connectors.tokens import keys as module
from connectors.tokens.keys import Keys
from connectors.tokens.port import TokenSettings, tokens
from connectors.tokens.verifying import Expected, JwtTokens
from processors.guard.identity import TOKEN, Identity
from processors.guard.proving import UnprovenError, by_token, by_topic
from schemas.events import QuestionAsked
from streams.flow.errors import UserError
from streams.flow.outcome import Received
from streams.flow.port import Opening

OURS, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))
EXPECTED = Expected(["RS256"], "https://login.example", "millrace")


def jwks(**named: rsa.RSAPrivateKey) -> str:
    made = [
        RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid}
        for kid, key in named.items()
    ]
    return json.dumps({"keys": made})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {
        "iss": "https://login.example",
        "aud": "millrace",
        "exp": now + 300,
        "tenant": "acme",
        "sub": "anne",
        "roles": ["hr", "risk"],
        "classes": "confidential secret",
    }
    return {name: value for name, value in (given | changes).items() if value is not None}


def token(key: Any = OURS, kid: str | None = "k1", alg: str = "RS256", **changes: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm=alg, headers=headers)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(jwks(k1=OURS))
    return path


def rule(call: Callable[[], object]) -> str:
    with pytest.raises(UnprovenError) as caught:
        call()
    return str(caught.value).rpartition("(rule ")[2].rstrip(")")


def test_a_token_says_tenant_user_roles_and_classes(file: Path) -> None:
    who = JwtTokens(Keys(str(file)), EXPECTED).identity(token())
    assert who == Identity("acme", "anne", ("hr", "risk"), ("confidential", "secret"), TOKEN)


def unsigned() -> str:
    key: Any = None
    return jwt.encode(claims(), key, algorithm="none", headers={"kid": "k1"})


def nested() -> str:
    """A header that holds lists within lists."""
    return base64.urlsafe_b64encode(b"[" * 3000 + b"]" * 3000).decode().rstrip("=")


def swapped() -> str:
    """Another tenant in a token that was signed for this one."""
    head, body, signature = token().split(".")
    other = token(tenant="other").split(".")[1]
    assert body != other
    return f"{head}.{other}.{signature}"


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: token(exp=int(time.time()) - 31), "token-expired"),
        (lambda: token(nbf=int(time.time()) + 60), "token-early"),
        (lambda: token(aud="somebody"), "token-audience"),
        (lambda: token(iss="https://evil.example"), "token-issuer"),
        (lambda: token(OTHER), "token-signature"),
        (swapped, "token-signature"),
        (unsigned, "token-algorithm"),
        (lambda: token("k" * 32, alg="HS256"), "token-algorithm"),
        (lambda: token(OURS, alg="RS512"), "token-algorithm"),
        (lambda: token(kid="k2"), "token-key"),
        (lambda: token(kid=None), "token-key"),
        (lambda: token(exp=None), "token-claims"),
        (lambda: token(tenant=None), "token-claims"),
        (lambda: token(sub=None), "token-claims"),
        (lambda: token(tenant="a/b"), "token-claims"),
        (lambda: token(tenant=["acme"]), "token-claims"),
        (lambda: token(roles=["user:bob"]), "token-claims"),
        (lambda: token(roles=["a\nb"]), "token-claims"),
        (lambda: token(roles=[1]), "token-claims"),
        (lambda: token(classes={"a": 1}), "token-claims"),
        (lambda: token(roles=["r"] * 101), "token-claims"),
        (lambda: "", "token-malformed"),
        (lambda: "a.b.c", "token-malformed"),
        (lambda: token() + "x" * 20_000, "token-malformed"),
        (lambda: nested() + ".e30.e30", "token-malformed"),
    ],
)
def test_what_proves_nothing_is_refused_by_name(
    file: Path, made: Callable[[], str], named: str
) -> None:
    verifier = JwtTokens(Keys(str(file)), EXPECTED)
    assert rule(lambda: verifier.identity(made())) == named
    assert verifier.identity(token()).tenant == "acme", "and the next one's goes on"


def test_clocks_may_differ_a_little(file: Path) -> None:
    assert JwtTokens(Keys(str(file)), EXPECTED).identity(token(exp=int(time.time()) - 20))


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_keys_are_rotated_and_a_withdrawn_one_is_good_no_more(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    verifier = JwtTokens(Keys(str(file), refresh_s=60), EXPECTED)
    assert verifier.identity(token())
    file.write_text(jwks(k2=OTHER))
    assert rule(lambda: verifier.identity(token(OTHER, "k2"))) == "token-key", "it just looked"
    clock.now += 6
    assert verifier.identity(token(OTHER, "k2"))
    assert rule(lambda: verifier.identity(token())) == "token-key"


@pytest.mark.parametrize("bad", [None, "", "{}", '{"keys": []}', "[1]", '{"keys": [1]}'])
def test_while_keys_cannot_be_read_the_known_ones_stay_good_for_a_while(
    file: Path, monkeypatch: pytest.MonkeyPatch, bad: str | None
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    told: list[bool] = []
    keys = Keys(str(file), refresh_s=60, kept_s=600, watch=lambda _, away: told.append(away))
    verifier = JwtTokens(keys, EXPECTED)
    assert verifier.identity(token())
    if bad is None:
        file.unlink()
    else:
        file.write_text(bad)
    clock.now += 500
    assert verifier.identity(token())
    clock.now += 101
    assert rule(lambda: verifier.identity(token())) == "keys-unavailable"
    assert told == [False, True, True]


def test_without_keys_nobody_is_anybody() -> None:
    verifier = JwtTokens(Keys("http://127.0.0.1:9/jwks", timeout_s=0.2), EXPECTED)
    assert rule(lambda: verifier.identity(token())) == "keys-unavailable"


def test_a_shared_secret_in_the_set_is_no_key(file: Path) -> None:
    said = json.loads(jwks(k1=OURS))
    said["keys"].append({"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "HS256"})
    file.write_text(json.dumps(said))
    verifier = JwtTokens(Keys(str(file)), EXPECTED)
    assert rule(lambda: verifier.identity(token(kid="s"))) == "token-key"


def test_a_key_of_another_algorithm_proves_nothing(file: Path) -> None:
    said = json.loads(jwks(k1=OURS))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    said["keys"].append(ECAlgorithm.to_jwk(other, as_dict=True) | {"kid": "e"})
    file.write_text(json.dumps(said))
    verifier = JwtTokens(Keys(str(file)), EXPECTED)
    assert rule(lambda: verifier.identity(token(kid="e"))) == "token-key"


@pytest.mark.parametrize("lacking", ["jwks", "issuer", "audience"])
def test_what_is_not_set_is_named(tmp_path: Path, lacking: str) -> None:
    from contextlib import ExitStack

    said = {"jwks": "f", "issuer": "i", "audience": "a"} | {lacking: ""}
    with ExitStack() as stack, pytest.raises(UserError, match=f"TOKEN__{lacking.upper()}"):
        tokens(TokenSettings(**said), Opening(tmp_path, stack))  # type: ignore[arg-type]
    open_line = TokenSettings(jwks="http://keys.example/", issuer="i", audience="a")
    with ExitStack() as stack, pytest.raises(UserError, match="https"):
        tokens(open_line, Opening(tmp_path, stack))


def received(tenant: str = "acme", topic: str = "rag.requests", **fields: Any) -> Any:
    headers = fields.pop("headers", [])
    asked = QuestionAsked(tenant=tenant, query="?", **fields)
    return Received(asked, topic, 0, 0, 0, None, headers)


def test_a_request_cannot_say_otherwise_than_its_token(file: Path) -> None:
    prove = by_token(JwtTokens(Keys(str(file)), EXPECTED))
    bearer = [("Authorization", f"Bearer {token()}".encode())]
    assert prove(received(headers=bearer, user="anne")).user == "anne"
    assert rule(lambda: prove(received("other", headers=bearer))) == "tenant-isolation"
    assert rule(lambda: prove(received(headers=bearer, user="bob"))) == "user"
    assert rule(lambda: prove(received())) == "token-missing"
    assert rule(lambda: prove(received(headers=bearer * 2))) == "token-malformed"
    assert rule(lambda: prove(received(headers=[("authorization", b"Basic eA==")]))) == (
        "token-malformed"
    )


def test_a_request_cannot_say_otherwise_than_its_topic() -> None:
    who = by_topic(received(topic="rag.requests.acme", user="anne"))
    assert (who.tenant, who.roles, who.proof) == ("acme", (), "topic")
    with pytest.raises(UnprovenError) as caught:
        by_topic(received("other", "rag.requests.acme"))
    assert caught.value.tenant == "acme"
