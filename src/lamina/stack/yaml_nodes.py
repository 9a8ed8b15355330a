"""YAML with its line numbers: nothing is constructed but texts, lists and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from lamina.core.errors import DocumentError, Problem
from lamina.model.document import read_document

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 4 << 20
_NODES = 200_000
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Located:
    """A value and the line where it stands, counted from 1.

    Scalars are texts as written (``3.10`` is no number here), empty ones None. Mappings are pairs,
    for files with selectors have a key twice.
    """

    value: str | list[Located] | Pairs | None
    line: int

    @property
    def text(self) -> str | None:
        """The scalar, None for anything else."""
        return self.value if isinstance(self.value, str) else None

    @property
    def items(self) -> list[Located]:
        """The items of a list; of a scalar itself; none of anything else."""
        if isinstance(self.value, str):
            return [self]
        return self.value if isinstance(self.value, list) else []

    @property
    def pairs(self) -> Pairs:
        """The pairs of a mapping; none of anything else."""
        return self.value if isinstance(self.value, tuple) else ()


Pairs = tuple[tuple[str, Located], ...]


def load_yaml(path: Path) -> tuple[str, Located]:
    """Read one YAML document: its text and what is in it.

    Raises DocumentError, with the line, for what is no YAML, and for documents that grow beyond
    measure by their aliases.
    """
    text = read_document(path).removeprefix("\ufeff")
    if len(text) > _BYTES:
        raise _error(path, f"larger than {_BYTES >> 20} MB")
    try:
        node = yaml.SafeLoader(text).get_single_node()
        return text, _Conversion(path).located(node) if node is not None else Located(None, 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else ""
        raise _error(path, f"not valid YAML: {error.problem or error.context}", where) from error
    except yaml.YAMLError as error:
        raise _error(path, f"not valid YAML: {str(error).splitlines()[0]}") from error
    except RecursionError:
        raise _error(path, "nested too deeply") from None


class _Conversion:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def located(self, node: yaml.Node) -> Located:
        """Convert a node; an alias counts each time, as it would be read each time."""
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > _NODES:
            raise _error(self._path, "grows beyond measure by its aliases", f"line {line}")
        match node:
            case yaml.SequenceNode():
                return Located([self.located(one) for one in node.value], line)
            case yaml.MappingNode():
                return Located(tuple(self._pair(*one) for one in node.value), line)
            case _:
                value = None if node.tag == _NULL else str(node.value)
                return Located(value, line)

    def _pair(self, key: yaml.Node, value: yaml.Node) -> tuple[str, Located]:
        if not isinstance(key, yaml.ScalarNode):
            where = f"line {key.start_mark.line + 1}"
            raise _error(self._path, "a key that is no text", where)
        found = self.located(value)
        # What is said of a mapping is said where its key stands, not a line below.
        return str(key.value), Located(found.value, key.start_mark.line + 1)


def _error(path: Path, found: str, where: str = "") -> DocumentError:
    return DocumentError(path, [Problem(where=where, found=found)])
