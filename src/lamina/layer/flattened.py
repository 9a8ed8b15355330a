"""A layer and the release below it as one lock, for all that is made of locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lamina.core.errors import DocumentError
from lamina.layer.conda.flattened import conda_with_askers
from lamina.layer.edges import Edges
from lamina.layer.paper.writing import require_content
from lamina.layer.release_below import release_below
from lamina.layer.union import applies, broken_by
from lamina.lock.chains import exact_environment, in_force
from lamina.lock.consistency import check_lock
from lamina.lock.document import STACK, Lock, LockedArtifact, LockedPackage, is_stack
from lamina.lock.files import LOCK_NAME, load_lock
from lamina.model.layer_files import LAYER_LOCK_NAME
from lamina.model.platforms import Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lamina.layer.document import LayerPackage
    from lamina.layer.opened import OpenLayer
    from lamina.lock.conda import LockedConda
    from lamina.lock.document import LockedDependency
    from lamina.model.names import PackageName, StackName


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattened:
    """A layer as a lock of its own."""

    lock: Lock
    """What can be used in the layer, for the one target that it is for."""
    requests: tuple[str, ...]
    """What was asked of the layer and counts here, as requirements."""
    own: frozenset[PackageName]
    """What is the layer's and not its base's."""
    left_out: tuple[str, ...]
    """What others than lamina put into the layer, in words: no lock has it."""
    unmet: tuple[str, ...]
    """What packages of the base need at other versions than the layer has, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Union:
    """What there is of base and layer."""

    layer: OpenLayer
    target: Target
    below: Mapping[PackageName, LockedPackage]
    """The base's packages of indexes, those that the layer hides as well."""
    conda: tuple[LockedConda, ...]
    """The conda packages of both."""

    @property
    def environment(self) -> dict[str, str]:
        """Values of the PEP 508 markers, without any extra."""
        return {**exact_environment(self.target, self.layer.base.version), "extra": ""}

    @property
    def there(self) -> frozenset[PackageName]:
        """The names of everything that can be needed."""
        provided = {each.name for one in self.conda for each in one.provides}
        return frozenset({*self.below, *self.layer.managed, *provided})

    @property
    def requests(self) -> tuple[str, ...]:
        """What the layer was asked for and counts here."""
        environment = self.environment
        asked = self.layer.document.requests
        return tuple(one for one in asked if applies(Requirement(one), environment))


def flatten(layer: OpenLayer, name: StackName) -> Flattened:
    """Return a layer as one lock called ``name``: that of its base, its own packages over it.

    Raises UsageError where the base is no release, IntegrityError where the layer does not hold
    what was put into it, DocumentError.
    """
    release = release_below(layer.path, layer.document.base)
    require_content(layer)
    whole = load_lock(release.internal / LOCK_NAME)
    target = Target(release.platform, release.manifest().python.series)
    union = _Union(
        layer=layer,
        target=target,
        below={one.name: one for one in whole.packages_for(target)},
        conda=(*whole.conda_for(target), *(layer.lock.conda if layer.lock else ())),
    )
    packages = _packages(union)
    lock = Lock(
        stack=name,
        stack_digest=whole.stack_digest,
        targets=(target,),
        parents=whole.parents,
        packages=tuple(one for _, one in sorted(packages.items())),
        conda=conda_with_askers(union.conda, layer.document.conda.requests, packages),
    )
    if problems := list(check_lock(lock)):
        raise DocumentError(layer.path / LAYER_LOCK_NAME, problems)
    return Flattened(
        lock=lock,
        requests=union.requests,
        own=frozenset(layer.managed),
        left_out=tuple(_left_out(layer, packages)),
        unmet=tuple(_unmet(union, packages)),
    )


def _packages(union: _Union) -> dict[PackageName, LockedPackage]:
    """Return the packages of indexes by name, each with what it needs and who asks for it."""
    own, environment, there = union.layer.managed, union.environment, union.there
    needs = _edges(union, environment, there).of(own)
    merged = {
        name: _of_release(one, union.target, environment, there)
        for name, one in union.below.items()
        if name not in own
    }
    merged |= {name: _of_layer(one, needs[name]) for name, one in own.items()}
    askers: dict[PackageName, set[str]] = {name: set() for name in merged}
    for name, one in merged.items():
        for each in one.dependencies:
            if each.name in askers and each.name != name:
                askers[each.name].add(name)
    for name, one in union.below.items():
        askers[name] |= {who for who in one.requested_by if is_stack(who)}
    for text in union.requests:
        if (name := canonicalize_name(Requirement(text).name)) in askers:
            askers[name].add(STACK)
    # What nothing needs any more the base has all the same.
    return {
        name: one.model_copy(update={"requested_by": tuple(sorted(askers[name])) or (STACK,)})
        for name, one in merged.items()
    }


def _edges(union: _Union, environment: Mapping[str, str], there: Collection[PackageName]) -> Edges:
    """Return what reads the layer's packages, with the extras that all others ask of them."""
    edges = Edges(
        distributions={canonicalize_name(one.key): one for one in union.layer.own},
        environment=environment,
        there=there,
    )
    for one in map(Requirement, union.requests):
        edges.ask(canonicalize_name(one.name), one.extras)
    for name, package in union.below.items():
        for each in package.dependencies:
            if name in union.layer.managed:
                edges.ask(name, [each.extra] if each.extra else [])
            elif in_force(each, environment):
                edges.ask(each.name, each.extras)
    return edges


def _of_release(
    one: LockedPackage,
    target: Target,
    environment: Mapping[str, str],
    there: Collection[PackageName],
) -> LockedPackage:
    """Return a package of the base as a lock for its target alone has it."""
    files = [each for each in one.artifacts if not each.targets or target in each.targets]
    return one.model_copy(
        update={
            "targets": (),
            "artifacts": tuple(each.model_copy(update={"targets": ()}) for each in files),
            "dependencies": tuple(
                each.model_copy(update={"version": None})
                for each in one.dependencies
                if each.name in there and in_force(each, environment)
            ),
        }
    )


def _of_layer(one: LayerPackage, needs: tuple[LockedDependency, ...]) -> LockedPackage:
    return LockedPackage(
        name=one.name,
        version=one.version,
        index=one.index,
        requested_by=(),
        dependencies=needs,
        artifacts=(LockedArtifact(file=one.file, sha256=one.sha256),),
    )


def _left_out(layer: OpenLayer, packages: Mapping[PackageName, LockedPackage]) -> Iterator[str]:
    """Yield what others than lamina put into the layer, and what there is of it in the lock."""
    for one in layer.own:
        name = canonicalize_name(one.key)
        if name not in layer.managed:
            listed = packages.get(name)
            yield f"{one.label} (here {listed.version}, of the base)" if listed else one.label


def _unmet(union: _Union, packages: Mapping[PackageName, LockedPackage]) -> Iterator[str]:
    """Yield what the base waives and the layer has, at a version that was not asked for."""
    own = union.layer.managed
    versions = {name: one.version for name, one in own.items()}
    for one in union.layer.base.distributions:
        name = canonicalize_name(one.key)
        if name in own or name not in packages:
            continue
        for needed in broken_by(one, versions, union.environment):
            there = own[canonicalize_name(needed.name)]
            wanted = f"{there.name}{needed.specifier}"
            yield f"{one.label} needs {wanted}, and {there.version} is here"
