"""The program that builds one package on any machine: ``python -m lamina.build.wheels.worker DIR``.

DIR holds the request and gets the reply, see ``carrying``. The build ends with whoever started the
program, and when the request is taken away.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lamina.build.wheels.carrying import (
    ATTEMPTS,
    NOT_SHARED,
    REQUEST,
    Reply,
    Request,
    differences,
    read_request,
    sign_in,
    write_reply,
)
from lamina.build.wheels.system import check_system
from lamina.build.wheels.work import Built, work_on
from lamina.core import report
from lamina.core.errors import LaminaError, NotSupportedError
from lamina.core.run import stop_all
from lamina.engines.build_room import walls_here

if TYPE_CHECKING:
    from types import FrameType

    from lamina.build.wheels.work import Asked, Work

_LOOK_SECONDS = 0.5


class _Warnings(report.SilentReporter):
    """Keeps warnings, which whoever asked is to see."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.kept.append(message)


def main(arguments: list[str]) -> int:
    """Do the work of a directory; return 0 where there is a reply."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    place = Path(arguments[0])
    try:
        request = read_request(place)
    except OSError as error:
        sys.stderr.write(f"{platform.node()}: {error}\n")
        return NOT_SHARED
    except LaminaError as error:
        write_reply(place, Reply(token=place.parent.name, error=error))
        return 0
    _watch(place)
    write_reply(place, _answer(request, place))
    return 0


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    stop_all()
    raise SystemExit(128 + number)


def _watch(place: Path) -> None:
    """End this process when its parent has ended or the request is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent and (place / REQUEST).exists():
            over.wait(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    over = threading.Event()
    threading.Thread(target=watch, name="watch", daemon=True).start()


def _answer(request: Request, place: Path) -> Reply:
    died = sign_in(place)
    if died >= ATTEMPTS:
        return Reply(token=request.token, deaths=died)
    kept = _Warnings()
    try:
        with report.use(kept):
            answer = _carried_out(request)
    except LaminaError as error:
        return Reply(token=request.token, error=error, warnings=tuple(kept.kept))
    except Exception as error:  # noqa: BLE001 - an edge: who asked is told
        told = LaminaError(f"{request.work.name}: internal error: {type(error).__name__}: {error}")
        return Reply(token=request.token, error=told, warnings=tuple(kept.kept))
    return Reply(token=request.token, answer=answer, warnings=tuple(kept.kept))


def _carried_out(request: Request) -> Built | Asked:
    work = _here(request.work)
    if different := differences(work):
        raise NotSupportedError(
            f"{platform.node()} cannot build for the machine that asks: it has "
            + ", and ".join(different),
            hints=["let all machines that build be the same, or give the build those that are"],
        )
    check_system(request.system, work.bench.hints, work.bench.seen)
    answer = work_on(work)
    return replace(answer, host=platform.node()) if isinstance(answer, Built) else answer


def _here(work: Work) -> Work:
    """Return the work with what only this machine knows."""
    own = {name: os.environ[name] for name in ("TMPDIR", "TERM") if name in os.environ}
    bench = work.bench
    environ = {**bench.environ, **own}
    walls = walls_here(
        environ, network=work.inputs["network"], directory=Path(tempfile.gettempdir())
    )
    if walls == "none":
        report.warn(f"{platform.node()}: builds are not kept from the network and from writing "
                    "elsewhere: there are no namespaces there")  # fmt: skip
    bench = replace(bench, environ=environ, walls=walls, uv=replace(bench.uv, environ=environ))
    return replace(work, bench=bench)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
