"""pip has replaced or removed what conda has recorded as installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.layer.doctor.finding import Check, Kind
from lamina.layer.doctor.mending import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lamina.layer.doctor.finding import Finding
    from lamina.layer.doctor.patient import Patient

KIND = Kind(
    name="conda-clobbered",
    why="conda solves and removes by records that are no longer true, and leaves a mix of both.",
)


def find(patient: Patient) -> Iterator[Finding]:
    """Yield a finding for each Python distribution on which conda and the files disagree."""
    own = {one.key: one for one in reversed(patient.copies) if one.location in patient.sites}
    for package in patient.conda:
        for key, place in package.python_metadata.items():
            if (patient.prefix / place).exists():
                continue
            there = own.get(key)
            now = f"the files are those of {there.version}" if there else "it is gone"
            what = f"conda has installed {package.name} {package.version}, but {now}"
            spec = f"{package.name}={package.version}"
            mend = quoted("conda", "install", "-p", patient.prefix, "--force-reinstall", spec)
            yield KIND.found(
                what, mend, patient.prefix / place, *([there.directory] if there else [])
            )


CHECK = Check(kind=KIND, find=find)
