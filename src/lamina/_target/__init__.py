"""Files that run inside other interpreters: standard library only, Python 3.8 syntax."""

import re
from pathlib import Path

_DASHES = re.compile(r"^# -{20,}\n", re.MULTILINE)


def joined(first: str, *others: str) -> str:
    """Return the text of a file here, and what follows the first line of dashes in others."""
    here = Path(__file__)
    texts = [here.with_name(name).read_text(encoding="utf-8") for name in others]
    parts = [_DASHES.split(text, maxsplit=1)[1].strip("\n") + "\n" for text in texts]
    return "\n\n".join([here.with_name(first).read_text(encoding="utf-8"), *parts])
