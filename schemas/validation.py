"""What people write (policy files) held against a model; what is wrong becomes one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

Model = TypeVar("Model", bound=BaseModel)
LONGEST = 60  # characters of what was found that are shown
# What pydantic expected, in the words of who writes the file.
_EXPECTED = {
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_short": "a list with something in it",
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
}


class Written(BaseModel):
    """A mapping in a file that people write: what it does not know, it refuses."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


NOTHING_IS_EMPTY = BeforeValidator(lambda said: {} if said is None else said)
"""A mapping whose key has nothing behind it, as YAML lets people write."""


def expected(what: str) -> WrapValidator:
    """Says `what` a value must be, whatever of it is wrong: `Annotated[int, ..., expected("...")]`.

    It stands last, since a validator wraps what is before it.
    """

    def validate(value: object, inner: ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(value)
        except ValidationError:
            raise PydanticCustomError("expected", "{what}", {"what": what}) from None

    return WrapValidator(validate)


def validated(model: type[Model], said: Mapping[str, Any]) -> Model:
    """What was written, as the model.

    Raises:
        ValueError: something in it cannot be; a sentence that names the key, what was found and
            what is expected.
    """
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise ValueError(sentence(error, model)) from None


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong; a key that is not known before one that is missing."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    place = [part if isinstance(part, str) else f"[{part}]" for part in first["loc"]]
    key = ".".join(part for part in place if part != "[key]").replace(".[", "[")
    if first["type"] == "extra_forbidden":
        known = _known(model, first)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
        return f"'{key}' is not known; {hint}"
    if first["type"] == "missing":
        return f"'{key}' is missing"
    if first["type"] == "value_error":  # said by a validator of ours, in a sentence
        said = first["msg"].removeprefix("Value error, ")
        return f"'{key}': {said}" if key else said
    found = repr(first["input"])
    found = found if len(found) <= LONGEST else f"{found[:LONGEST]}..."
    return f"'{key}' is {found}; it must be {_wanted(first)}"


def _wanted(first: ErrorDetails) -> str:
    if first["type"] == "expected":
        return first["msg"]
    said = first["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return _EXPECTED.get(first["type"], said)


def _known(model: type[BaseModel], first: ErrorDetails) -> list[str]:
    """The keys that may stand where an unknown one was found."""
    here = [model]
    for part in first["loc"][:-1]:
        fields = [each.model_fields[part] for each in here if part in each.model_fields]  # pyright: ignore[reportArgumentType]
        # Any other part is a key of a mapping, or a place in a list, of what is here already.
        here = [found for field in fields for found in _models(field.annotation)] or here
    return [name for each in here for name in each.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
