"""Everything that the doctor looks for, in the order in which it is told."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from lamina.core.errors import UsageError
from lamina.layer.doctor.checks import (
    active_environment_gone,
    conda_clobbered,
    dead_shebang,
    duplicate_distribution,
    duplicate_metadata,
    extension_numpy_1,
    extension_other_machine,
    extension_other_python,
    files_without_metadata,
    interpreter_gone,
    interrupted_uninstall,
    layer_base_changed,
    layer_base_gone,
    layer_base_moved,
    layer_copied,
    layer_files_changed,
    layer_hook_edited,
    layer_hook_missing,
    layer_hook_other_version,
    layer_interpreter_changed,
    layer_moved,
    layer_record_broken,
    layer_unfinished_change,
    library_missing,
    library_too_old,
    metadata_broken,
    metadata_of_another_copy,
    metadata_without_files,
    program_hidden,
    python_hidden,
    pythonhome_set,
    pythonpath_hides,
    pythonpath_missing,
    pythonpath_other_layer,
    pythonpath_other_series,
    requirement_conflict,
    requirement_missing,
    requires_other_python,
    script_other_python,
    user_site_hides,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lamina.layer.doctor.finding import Check, Finding
    from lamina.layer.doctor.patient import Patient

CHECKS: tuple[Check, ...] = (
    interpreter_gone.CHECK,
    layer_record_broken.CHECK,
    layer_base_gone.CHECK,
    layer_base_moved.CHECK,
    layer_base_changed.CHECK,
    layer_interpreter_changed.CHECK,
    layer_moved.CHECK,
    layer_copied.CHECK,
    layer_unfinished_change.CHECK,
    layer_hook_missing.CHECK,
    layer_hook_edited.CHECK,
    layer_hook_other_version.CHECK,
    layer_files_changed.CHECK,
    pythonhome_set.CHECK,
    pythonpath_hides.CHECK,
    pythonpath_missing.CHECK,
    pythonpath_other_series.CHECK,
    pythonpath_other_layer.CHECK,
    user_site_hides.CHECK,
    active_environment_gone.CHECK,
    python_hidden.CHECK,
    program_hidden.CHECK,
    dead_shebang.CHECK,
    script_other_python.CHECK,
    conda_clobbered.CHECK,
    duplicate_distribution.CHECK,
    duplicate_metadata.CHECK,
    metadata_of_another_copy.CHECK,
    metadata_without_files.CHECK,
    metadata_broken.CHECK,
    files_without_metadata.CHECK,
    interrupted_uninstall.CHECK,
    requirement_missing.CHECK,
    requirement_conflict.CHECK,
    requires_other_python.CHECK,
    extension_other_python.CHECK,
    extension_other_machine.CHECK,
    extension_numpy_1.CHECK,
    library_missing.CHECK,
    library_too_old.CHECK,
)
KINDS = tuple(check.kind.name for check in CHECKS)


def examine(patient: Patient, *, ignore: Collection[str] = ()) -> Iterator[Finding]:
    """Yield what is wrong with an environment, but for the kinds to ignore."""
    for check in CHECKS:
        if check.kind.name not in ignore:
            yield from check.find(patient)


def render_findings(patient: Patient, findings: list[Finding]) -> str:
    """Return the findings for people."""
    if not findings:
        return f"{patient.prefix}: nothing found"
    lines = []
    for one in findings:
        lines += [f"{one.kind.name}: {one.what}", f"  why:  {one.kind.why}", f"  mend: {one.mend}"]
        lines.append("")
    count = len(findings)
    lines.append(f"{patient.prefix}: {count} finding{'s' if count != 1 else ''}")
    return "\n".join(lines)


def check_kinds(names: Collection[str]) -> None:
    """Raise UsageError for names that are no kinds of finding."""
    for name in names:
        if name not in KINDS:
            near = difflib.get_close_matches(name, KINDS, n=1)
            hints = [f"did you mean {near[0]}?"] if near else [f"kinds: {', '.join(KINDS)}"]
            raise UsageError(f"--ignore {name}: no such kind of finding", hints=hints)
