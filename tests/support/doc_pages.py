"""The blocks of the documentation that can be run, and how they are run.

In a page, ```` ```{code-block} console ```` with ``:class: run`` holds commands after ``$ `` and
what they print; ``...`` stands for anything. ``:class: run exit-4`` says how the last command of
the block ends. ``:class: write`` and ``:class: append`` put a block into the file of its caption.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_BLOCK = re.compile(
    r"^```\{code-block\} \w+\n(?P<options>(?::\w+:[^\n]*\n)+)\n?(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK = "::end-of-command::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block that does something."""

    action: Literal["run", "write", "append"]
    body: str
    file: str = ""
    exit_code: int = 0

    def commands(self) -> Iterator[tuple[str, str, int]]:
        """Yield each command with what it prints and how it ends."""
        parts = re.split(r"^\$ ", self.body, flags=re.MULTILINE)[1:]
        for number, part in enumerate(parts, 1):
            command, _, output = part.partition("\n")
            yield command, output.strip("\n"), self.exit_code if number == len(parts) else 0


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of a page that do something, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        options = dict(re.findall(r"^:(\w+): *(.*)$", match["options"], re.MULTILINE))
        action, *details = options.get("class", "").split() or [""]
        if action in {"run", "write", "append"}:
            code = int(details[0].removeprefix("exit-")) if details else 0
            file = options.get("caption", "")
            found.append(Block(action=action, body=match["body"], file=file, exit_code=code))
    return found


def run_page(text: str, *, directory: Path, environ: Mapping[str, str]) -> None:
    """Do what a page says, in a directory; fails on another exit code or other output."""
    here = directory
    for block in blocks_of(text):
        match block.action:
            case "run":
                here = _run(block, here, environ)
            case "write":
                (here / block.file).parent.mkdir(parents=True, exist_ok=True)
                (here / block.file).write_text(block.body, encoding="utf-8")
            case "append":
                with (here / block.file).open("a", encoding="utf-8") as stream:
                    stream.write(f"\n{block.body}")


def _run(block: Block, directory: Path, environ: Mapping[str, str]) -> Path:
    """Run the commands of a block in one shell, and return where it ended."""
    commands = list(block.commands())
    mark = f"printf '\\n%s %s %s\\n' '{_MARK}' \"$?\" \"$PWD\""
    script = "exec 2>&1\n" + "".join(f"{command}\n{mark}\n" for command, _, _ in commands)
    answer = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    pieces = re.split(rf"\n{_MARK} (\d+) (.*)\n", answer.stdout)
    assert len(pieces) == 3 * len(commands) + 1, f"the shell ended early:\n{answer.stdout}"
    for number, (command, output, code) in enumerate(commands):
        shown, ended, _ = pieces[3 * number : 3 * number + 3]
        assert int(ended) == code, f"$ {command}\nexit {ended}, not {code}\n{shown}"
        assert _matches(output, shown), f"$ {command}\nexpected:\n{output}\nshown:\n{shown}"
    return directory.__class__(pieces[-2])


def _matches(expected: str, shown: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.search(pattern, shown, re.DOTALL) is not None
