"""``lamina doctor``: what is wrong with an environment, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lamina.cli.options import environment, output_options, root_option

if TYPE_CHECKING:
    from pathlib import Path

    from lamina.cli.options import Output


@click.command()
@click.argument("place", required=False, metavar="[PREFIX|LAYER|RELEASE]")
@click.option(
    "--ignore", multiple=True, metavar="KIND", help="Leave out findings of this kind; repeatable."
)
@root_option
@output_options
def doctor(output: Output, place: str | None, ignore: tuple[str, ...], root: Path) -> int:
    """Find what is wrong with an environment, by default the one that is set up now.

    Each finding says what it is, why it bites, and the command that mends it; nothing is changed.
    Exit 6 when something was found.
    """
    from lamina.core.errors import IntegrityError
    from lamina.layer.doctor.examine import check_kinds, examine, render_findings
    from lamina.layer.doctor.patient import find_patient

    check_kinds(ignore)
    patient = find_patient(place, root=root, environ=environment())
    findings = list(examine(patient, ignore=ignore))
    value = {
        "prefix": str(patient.prefix),
        "python": patient.around.version if patient.around else None,
        "sound": not findings,
        "findings": [one.value() for one in findings],
    }
    output.result(render_findings(patient, findings), value)
    return IntegrityError.exit_code if findings else 0
