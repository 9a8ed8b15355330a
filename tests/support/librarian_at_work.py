"""A librarian who never stops: random operations on a root until the process is killed.

``python -m support.librarian_at_work WORK SEED``: each operation that has ended is written to
``WORK/done``, and which file is about to be damaged to ``WORK/damaged``. The clock jumps.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.core.errors import ConflictError, IntegrityError, UsageError
from lamina.model.names import StackName, TierName
from lamina.model.versions import parse_release_version
from lamina.release.collect import collect
from lamina.release.history import Author
from lamina.release.publish import publish
from lamina.release.rebuild import rebuild
from lamina.release.repair import repair
from lamina.release.root import open_root
from lamina.release.tiers import Change, promote, put_back, retire, rollback
from support.releases import NOW, make_stack, publish_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lamina.release.draft import PublishRequest
    from lamina.release.root import Release

SMALL = StackName("small")
STABLE, TESTING = TierName("stable"), TierName("testing")


class Librarian:
    """Works on the root of a directory."""

    def __init__(self, work: Path, seed: int) -> None:
        self.work = work
        self.chance = random.Random(seed)
        self.root = open_root(work / "root", create=True)

    def request(self, version: str) -> PublishRequest:
        """Return what publishes a version."""
        test = {"imports": ["greeter"]} if self.chance.random() < 0.3 else {"imports": []}
        return publish_request(
            self.work, dict(os.environ),
            version=parse_release_version(version), stack=make_stack(test=test),
            now=self.now(),
        )  # fmt: skip

    def now(self) -> datetime:
        """Return what a clock says that cannot be trusted."""
        return NOW + timedelta(minutes=self.chance.randint(-100_000, 100_000))

    def change(self) -> Change:
        """Return who moves a tier."""
        return Change(author=Author(user="lib", host="here"), now=self.now(), why="")

    def publish(self) -> str:
        """Publish a version that never was."""
        numbers = (self.work / "numbers").read_text().split() if self._numbered() else []
        number = len(numbers) + 1
        with (self.work / "numbers").open("a") as stream:
            stream.write(f"{number}\n")
        return f"publish {publish(self.request(f'{number}.0')).release.version}"

    def _numbered(self) -> bool:
        return (self.work / "numbers").exists()

    def release(self) -> Release:
        """Return any release."""
        return self.chance.choice(self.root.releases())

    def promote(self) -> str:
        """Promote any release."""
        release, tier = self.release(), self.chance.choice([STABLE, TESTING])
        promote(self.root, release, [tier], self.change(), new=True)
        return f"promote {release.version} {tier}"

    def rollback(self) -> str:
        """Roll a tier back."""
        rollback(self.root, SMALL, STABLE, self.change(), to=None)
        return "rollback"

    def retire(self) -> str:
        """Retire any release, or take it back."""
        act = self.chance.choice([retire, put_back])
        act(self.root, self.release(), self.change())
        return "retire"

    def collect(self) -> str:
        """Remove what nobody needs."""
        environ = dict(os.environ)
        collect(self.root, self.root.releases(), self.change(), keep=3, needed={}, environ=environ)
        return "collect"

    def repair(self) -> str:
        """Damage a file and mend it."""
        release = self.release()
        path = release.prefix / "lib/python3.12/site-packages/numbers_of_ours.py"
        with (self.work / "damaged").open("a") as stream:
            stream.write(f"{release.version}\n")
        try:
            path.parent.chmod(0o755)
            path.chmod(0o644)
            path.write_text("damaged\n")
        except FileNotFoundError:
            return "late repair"  # Somebody else has just collected it.
        request = self.request(release.version)
        repair(
            release, self.root,
            lambda stage: rebuild(request, release, self.root, stage),
            environ=dict(os.environ), now=NOW,
        )  # fmt: skip
        return f"repair {release.version}"

    def work_on(self) -> None:
        """Do one thing after the other, for ever."""
        acts: list[Callable[[], str]] = [
            self.publish, self.publish, self.promote, self.promote, self.rollback, self.retire,
            self.collect, self.repair,
        ]  # fmt: skip
        with (self.work / "done").open("a", buffering=1) as done:
            done.write("begin\n")
            while True:
                act = self.chance.choice(acts) if self.root.releases() else self.publish
                try:
                    done.write(f"{act()}\n")
                except (ConflictError, IntegrityError, UsageError) as error:
                    done.write(f"refused {act.__name__} {error.message}\n")


if __name__ == "__main__":
    Librarian(Path(sys.argv[1]), int(sys.argv[2])).work_on()
