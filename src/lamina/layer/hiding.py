"""What a change hides of the base that no version speaks for: modules without metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lamina.engines.probe import read_distributions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lamina.engines.probe import Distribution
    from lamina.layer.opened import OpenLayer
    from lamina.layer.transaction import Stage
    from lamina.model.names import PackageName


def hidden_by(layer: OpenLayer, stage: Stage) -> dict[PackageName, Distribution]:
    """Return what of the base staged packages hide: by its name, who hides it.

    Names of packages need not tell: PyYAML brings ``yaml``.
    """
    site = stage.prefix / layer.site.relative_to(layer.path)
    bringing = {module: one for one in read_distributions([str(site)]) for module in _modules(one)}
    found = {}
    for one in layer.base.unrecorded:
        who = next((bringing[module] for module in _modules(one) if module in bringing), None)
        if who is not None:
            found[canonicalize_name(one.key)] = who
    return found


def render_hidden(layer: OpenLayer, hidden: Mapping[PackageName, Distribution]) -> Iterator[str]:
    """Yield a sentence for each thing that is hidden."""
    for one in layer.base.unrecorded:
        if (who := hidden.get(canonicalize_name(one.key))) is not None:
            modules = ", ".join(_modules(one))
            yield (
                f"{who.label} hides {modules} of the base, in {one.location}: its metadata tell "
                "no version, so nothing could be compared"
            )


def _modules(one: Distribution) -> tuple[str, ...]:
    return one.modules or (one.key.replace("-", "_"),)
