"""A token (JWT) as an identity: its signature, its time, whom it is for, and what it claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import jwt

from connectors.tokens.keys import Keys
from processors.exceeded import CONTROL
from processors.guard.identity import TOKEN, Identity
from processors.guard.proving import UnprovenError
from processors.questions.admit import TENANT

LONGEST = 16_000  # characters of a token
MOST_NAMES = 100  # roles or classes
LONGEST_NAME = 200

_RULES: tuple[tuple[type[jwt.PyJWTError], str, str], ...] = (
    (jwt.ExpiredSignatureError, "token-expired", "the token has expired"),
    (jwt.ImmatureSignatureError, "token-early", "the token is not valid yet"),
    (jwt.InvalidAudienceError, "token-audience", "the token is for somebody else"),
    (jwt.InvalidIssuerError, "token-issuer", "the token is from somebody else"),
    (jwt.InvalidAlgorithmError, "token-algorithm", "the token's algorithm is not allowed"),
    (jwt.MissingRequiredClaimError, "token-claims", "the token lacks a claim"),
    (jwt.InvalidSignatureError, "token-signature", "the token's signature is wrong"),
    (jwt.PyJWTError, "token-malformed", "the token cannot be read"),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be, and what its claims are called."""

    algorithms: Sequence[str]
    issuer: str
    audience: str
    leeway_s: float = 30.0
    tenant: str = "tenant"
    user: str = "sub"
    roles: str = "roles"
    classes: str = "classes"


class JwtTokens:
    """See `Tokens`."""

    def __init__(self, keys: Keys, expected: Expected) -> None:
        self._keys = keys
        self._expected = expected

    def identity(self, token: str) -> Identity:
        """Whose token it is.

        Raises:
            UnprovenError: it proves nothing, by the rule that it names.
        """
        claims = self._claims(token)
        names = self._expected
        tenant, user = claims.get(names.tenant), claims.get(names.user)
        if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            raise UnprovenError("token-claims", f"the token's claim '{names.tenant}' is no tenant")
        (name,) = _names(names.user, [user])
        return Identity(
            tenant,
            name,
            _names(names.roles, claims.get(names.roles)),
            _names(names.classes, claims.get(names.classes)),
            TOKEN,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        expected = self._expected
        try:
            if len(token) > LONGEST:
                raise jwt.DecodeError
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in expected.algorithms:  # before any key is looked for
                raise jwt.InvalidAlgorithmError
            key = self._keys.of(str(header.get("kid", "")))
            return jwt.decode(
                token,
                key.key,  # by the algorithm that is expected, whatever the set says of it
                algorithms=expected.algorithms,
                issuer=expected.issuer,
                audience=expected.audience,
                leeway=expected.leeway_s,
                options={"require": ["exp", "iss", "aud", expected.tenant, expected.user]},
            )
        except TypeError:
            raise UnprovenError("token-key", "the token names a key of another algorithm") from None
        except RecursionError:
            raise UnprovenError("token-malformed", "the token cannot be read") from None
        except jwt.PyJWTError as error:
            rule, says = next((r, s) for kind, r, s in _RULES if isinstance(error, kind))
        raise UnprovenError(rule, says)


def _names(claim: str, said: object) -> tuple[str, ...]:
    """A claim of several names: a list, or words in one text, as OAuth has scopes."""
    names = said.split() if isinstance(said, str) else said
    if names is None:
        return ()
    if isinstance(names, list) and len(cast("list[object]", names)) <= MOST_NAMES:
        found = tuple(each for each in cast("list[object]", names) if _is_name(each))
        if len(found) == len(cast("list[object]", names)):
            return cast("tuple[str, ...]", found)
    raise UnprovenError("token-claims", f"the token's claim '{claim}' is no list of names")


def _is_name(value: object) -> bool:
    """A role must not pass for a user: those are groups of their own."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST_NAME
        and not CONTROL.search(value)
        and not value.startswith("user:")
    )
