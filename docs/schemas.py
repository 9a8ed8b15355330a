"""Write the JSON Schemas of lamina's documents; run it after changing one of the models."""

from __future__ import annotations

from pathlib import Path

from lamina.build.wheels.document import BuildLock
from lamina.export.document import Pack, Prefixes
from lamina.layer.paper.document import PaperLock
from lamina.lock.document import Lock
from lamina.model.schema import dump_schema
from lamina.stack.document import Stack

REFERENCE = Path(__file__).parent / "reference"


def schemas() -> dict[str, str]:
    """Return every schema by its file name."""
    return {
        "lamina.schema.json": dump_schema(Stack, title="lamina.toml"),
        "lamina.lock.schema.json": dump_schema(Lock, title="lamina.lock"),
        "lamina-build.lock.schema.json": dump_schema(BuildLock, title="lamina-build.lock"),
        "pack.schema.json": dump_schema(Pack, title="pack.json"),
        "prefixes.schema.json": dump_schema(Prefixes, title="prefixes.json"),
        "paper-lock.schema.json": dump_schema(PaperLock, title="a paper lock"),
    }


def main() -> None:
    """Write every schema into the reference."""
    for name, text in schemas().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
        print(REFERENCE / name)


if __name__ == "__main__":
    main()
