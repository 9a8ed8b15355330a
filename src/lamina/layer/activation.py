"""The activation scripts: bash, zsh and dash by one file, tcsh and fish by one each.

They set VIRTUAL_ENV, VIRTUAL_ENV_PROMPT and PATH, put PYTHONHOME aside, and never touch PYTHONPATH:
the layer's start-up hook sees to that. Over an environment that was set up, they also set what the
base's libraries and programs are found by. ``deactivate`` takes its own entries out again and
leaves what was added meanwhile. For a layer that was moved, or lost its base, they say so and
change nothing: its old path in PATH leads to no Python, and another would be taken for the layer's.

In bash, zsh and fish they look at PATH before each prompt: a set-up script of the layer's own base
that was sourced after them does not take the layer out of force.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.activation_texts import CSH, FISH, POSIX
from lamina.layer.activation_variables import with_kept
from lamina.layer.planting import csh_quoted, fish_quoted, mark, shell_quoted
from lamina.release.conda_scripts import with_lines
from lamina.release.prompt_lines import with_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_GONE = r"'lamina: not there any more: %s (a layer cannot be moved; make a new one)\n'"
_NO_BASE = r"'lamina: the base of this layer is gone: %s (lamina layer check %s)\n'"

_AGAIN = r"'lamina: the base was set up again; %s\n'"


def activation_files(
    variables: Mapping[str, str] | None = None,
    needs: Iterable[str] = (),
    interpreter: str | None = None,
) -> dict[str, str]:
    """Return file name -> text, with the marks of a seed for the layer's directory.

    ``variables`` are those that the layer keeps; without each of ``needs`` it is not activated.
    ``interpreter`` is the base's, by which its own Python is known on PATH. The conda prefixes that
    are listed in the layer are entered first, and left last.
    """
    kept, wanted = variables or {}, list(needs)

    def marked(text: str, shell: str, quoted: Callable[[str], str], layer: str) -> str:
        own = quoted(interpreter) if interpreter else f"{layer}/bin/python"
        text = with_lines(text.replace("@python@", own), shell, layer)
        text = with_prompt(text, shell, old="_lamina_prompt")
        return _marked(with_kept(text, shell, kept), map(quoted, wanted))

    return {
        "activate": marked(POSIX, "posix", shell_quoted, '"$_LAMINA_LAYER"'),
        "activate.csh": marked(CSH, "csh", csh_quoted, "${_lamina_layer:q}"),
        "activate.fish": marked(FISH, "fish", fish_quoted, '"$_lamina_layer"'),
    }


def _marked(text: str, needs: Iterable[str]) -> str:
    text = text.replace("@gone@", _GONE).replace("@no_base@", _NO_BASE)
    text = text.replace("@again@", _AGAIN).replace("@needs@", " ".join(needs))
    for quoting in ("sh", "csh", "fish", "prompt"):
        text = text.replace(f"@{quoting}@", mark(quoting))
    return text
