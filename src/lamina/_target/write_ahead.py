"""What to read ahead of an import, for the start-up index: see write_index.py."""

import json
import os
from typing import Any, Dict, Iterable, List, Tuple

Place = Tuple[int, int, bytes]


class Groups:
    """What to read ahead for what is imported: parts of the hot pack, and files."""

    def __init__(self, record: Any, codes: "Dict[str, Any]", tree: Any, add: Any) -> None:
        self._needs: "Dict[str, List[str]]" = record["needs"]
        self._files: "List[Tuple[str, str]]" = [(top, file) for top, file in record["libraries"]]
        self._parts: "Dict[str, List[Tuple[int, int]]]" = record["parts"]
        self._add = add
        self._owned: "Dict[str, List[Tuple[int, int]]]" = {}
        libraries = {file for _, file in self._files}
        for file in record["files"]:
            path = os.path.join(tree.prefix, file)
            top = _top_of(path, tree)
            if path in codes and codes[path][2] >= 0:
                self._owned.setdefault(top, []).append((codes[path][2], codes[path][0]))
            elif path.startswith(tree.site + os.sep) and file not in libraries:
                self._files.append((top, file))

    def files(self) -> "Tuple[int, int, bytes]":
        """Write the files, each with the parts that are looked at; return the place."""
        table = [
            (file, [tuple(one) for one in self._parts.get(file, [])]) for _, file in self._files
        ]
        return self._add(table)  # type: ignore[no-any-return]

    def by_name(self) -> "Dict[str, Tuple[int, Place]]":
        """Return the last byte of the hot pack, and what is to be read, for each top-level module.

        What a package needs comes along, and what that needs.
        """
        found: "Dict[str, Tuple[int, Place]]" = {}
        for name in sorted(set(self._owned) & set(self._needs)):
            whole = _closure(name, self._needs)
            ranges = _merged(part for top in whole for part in self._owned.get(top, []))
            numbers = self._numbers(whole)
            if numbers:
                found[name] = sum(ranges[-1]) - 1, self._add((ranges, numbers, whole))
        return found

    def _numbers(self, names: "List[str]") -> "List[int]":
        return [number for number, (top, _) in enumerate(self._files) if top in names]

    def bundles(self) -> "Dict[str, List[str]]":
        """Return the paths of the files that each top-level module needs."""
        names = sorted(set(self._owned) & set(self._needs))
        numbers = {name: self._numbers(_closure(name, self._needs)) for name in names}
        return {name: [self._files[at][1] for at in many] for name, many in numbers.items() if many}


def _top_of(file: str, tree: Any) -> str:
    for top in (tree.site, *tree.tops):
        if file.startswith(top + os.sep):
            parts = file[len(top) + 1 :].split(os.sep)
            return (parts[1] if parts[0] == "__pycache__" else parts[0]).partition(".")[0]
    return ""


def _closure(name: str, needs: "Dict[str, List[str]]") -> List[str]:
    found = [name]
    for one in found:
        found += [other for other in needs.get(one, []) if other not in found]
    return found


def _merged(ranges: "Iterable[Any]") -> "List[Tuple[int, int]]":
    """Join ranges (offset, length) with little between them."""
    found: "List[Tuple[int, int]]" = []
    for offset, length in sorted(ranges):
        if found and offset <= sum(found[-1]) + (1 << 16):
            found[-1] = (found[-1][0], max(sum(found[-1]), offset + length) - found[-1][0])
        else:
            found.append((offset, length))
    return found


def write_bundles(target: str, inside: str, files: "Dict[str, List[str]]") -> None:
    """Write the file bundles of CVMFS: beside what triggers each, named after it."""
    directory = os.path.join(target, "bundles")
    os.makedirs(directory, exist_ok=True)
    for name, paths in files.items():
        bundle = {
            "name": "CVMFS_BUNDLE",
            "version": "1.0.0",
            "encoding": "UTF-8",
            "dependencies": ["%s/%s" % (inside, path) for path in paths],
        }
        with open(os.path.join(directory, ".cvmfsbundle-" + name), "w", encoding="utf-8") as stream:
            json.dump(bundle, stream, indent=1)
        with open(os.path.join(directory, name), "w", encoding="utf-8") as stream:
            stream.write(name + "\n")
