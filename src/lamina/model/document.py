"""What all documents share: strict models, and validation that reports every problem at once."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lamina.core.errors import DocumentError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


class Document(BaseModel):
    """A table of a document: frozen, strict, no unknown keys, keys spelt with hyphens."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


AnyDocument = TypeVar("AnyDocument", bound=Document)


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises DocumentError when it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DocumentError(path, [Problem(where="", found="no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(path, [Problem(where="", found=f"cannot be read: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(path, [Problem(where="", found=f"not valid TOML: {error}")]) from error


def validate(model: type[AnyDocument], data: Mapping[str, Any], path: Path | str) -> AnyDocument:
    """Return the document in ``data``; raises DocumentError with every problem it has."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_problem(detail, model, data) for detail in error.errors()]
        raise DocumentError(path, _unique(problems)) from error


def _unique(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


def _problem(detail: ErrorDetails, model: type[Document], data: Mapping[str, Any]) -> Problem:
    location = _document_location(detail["loc"], data)
    where = dotted(location)
    match detail["type"]:
        case "extra_forbidden":
            allowed = sorted(_keys_at(model, location[:-1]))
            near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
            return Problem(
                where=where,
                found="unknown key",
                allowed=f"allowed: {', '.join(allowed)}" if allowed else "",
                suggestion=near[0] if near else "",
            )
        case "missing":
            return Problem(where=where, found="missing")
        case "value_error":
            return Problem(where=where, found=str(detail["ctx"]["error"]))
        case "enum" | "literal_error":
            expected = str(detail["ctx"]["expected"])
            choices = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
            near = difflib.get_close_matches(str(detail["input"]), choices, n=1)
            return Problem(
                where=where,
                found=f"{detail['input']!r} is not allowed",
                allowed=f"allowed: {', '.join(choices)}",
                suggestion=near[0] if near else "",
            )
        case _:
            message = detail["msg"].removeprefix("Input should be ")
            return Problem(
                where=where, found=f"found {detail['input']!r}", allowed=f"expected {message}"
            )


def _document_location(
    loc: tuple[int | str, ...], data: Mapping[str, Any]
) -> tuple[int | str, ...]:
    """Drop the names of union members that pydantic puts into a path."""
    kept: list[int | str] = []
    here: Any = data
    for i, part in enumerate(loc):
        last = i == len(loc) - 1
        inside = (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        )
        if inside:
            kept.append(part)
            here = here[part]
        elif last and isinstance(here, dict):
            kept.append(part)
    return tuple(kept)


def dotted(location: Iterable[int | str]) -> str:
    """Return a path such as ``packages.numpy.index`` or ``groups.notebook[1]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _keys_at(model: type[Document], location: Iterable[int | str]) -> set[str]:
    """Return the keys allowed in the table at ``location``, by the model's own fields."""
    candidates: list[Any] = [model]
    for part in location:
        candidates = [step for one in candidates for step in _step_into(one, part)]
    return {
        str(field.alias or name)
        for one in candidates
        for leaf in _flatten(one)
        for name, field in leaf.model_fields.items()
    }


def _step_into(annotation: Any, part: int | str) -> list[Any]:
    found: list[Any] = []
    for model in _flatten(annotation):
        found += [
            field.annotation
            for name, field in model.model_fields.items()
            if part in (field.alias, name)
        ]
    arguments: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        found.append(arguments[1])
    elif getattr(annotation, "__origin__", None) in (list, tuple):
        found.append(arguments[0])
    elif not found:
        found += [step for argument in arguments for step in _step_into(argument, part)]
    return found


def _flatten(annotation: Any) -> list[type[Document]]:
    if isinstance(annotation, type) and issubclass(annotation, Document):
        return [annotation]
    if getattr(annotation, "__origin__", None) in (dict, list, tuple):
        return []
    return [leaf for part in getattr(annotation, "__args__", ()) for leaf in _flatten(part)]
