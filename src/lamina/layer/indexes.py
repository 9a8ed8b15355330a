"""What the stack of a release says of layers: where packages come from, and which ones stay."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.engines.index_settings import public_index
from lamina.engines.uv_compile import PackageIndexes
from lamina.layer.document import load_layer
from lamina.model.names import PUBLIC_INDEX
from lamina.release.sources import read_stack
from lamina.resolve.project import index_addresses, named_indexes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lamina.layer.base import Place
    from lamina.layer.document import LayerBase, LayerDocument
    from lamina.layer.union import Ground


def settled_over(base: LayerBase | Place, ground: Ground) -> Ground:
    """Return a ground with what the stack of its release keeps, through layers below as well."""
    if base.kind == "layer":
        return settled_over(load_layer(Path(base.prefix)).base, ground)
    if base.kind != "release":
        return ground
    stack = read_stack(Path(base.prefix) / ".lamina")
    return dataclasses.replace(
        ground,
        protected=frozenset(stack.layers.protected),
        unindexed=frozenset(name for name, one in stack.packages.items() if one.git or one.path),
    )


def indexes_of(layer: LayerDocument, environ: Mapping[str, str]) -> PackageIndexes:
    """Return the index of each package of a layer, as ``indexes_over`` does of its base."""
    return indexes_over(layer.base, environ)


def indexes_over(base: LayerBase | Place, environ: Mapping[str, str]) -> PackageIndexes:
    """Return the index of each package over a base; what is no release has the public one only.

    Raises DocumentError when a release does not tell: a package that has an index of its own must
    never be taken from another.
    """
    if base.kind == "layer":
        return indexes_of(load_layer(Path(base.prefix)), environ)
    if base.kind != "release":
        return PackageIndexes(addresses={PUBLIC_INDEX: public_index(environ)})
    stack = read_stack(Path(base.prefix) / ".lamina")
    return PackageIndexes(
        addresses=index_addresses(stack, environ),
        default=stack.resolve.index,
        named=named_indexes(stack),
    )
