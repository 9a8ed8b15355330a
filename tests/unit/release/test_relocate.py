from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from lamina.release.relocate import Relocation, relocate_scripts, shebang

PLAIN = Relocation(stage=Path("/r/.staging/s-1-x"), final=Path("/r/releases/s/1"))
BLANK = Relocation(stage=Path("/a b/.staging/s-1-x"), final=Path("/a b/releases/s/1"))
LONG = "/" + "long/" * 30
FAR = Relocation(stage=Path(LONG, ".staging/s"), final=Path(LONG, "releases/s/1"))
EDGE = Relocation(stage=Path("/r/.staging/s"), final=Path("/r/releases", "x" * 120))
TRAMPOLINE = "#!/bin/sh\n'''exec' '{}/bin/python' \"$0\" \"$@\"\n' '''\n"


@pytest.mark.parametrize(
    ("relocation", "old", "new"),
    [
        pytest.param(PLAIN, "#!{}/bin/python\nx\n", "#!{}/bin/python\nx\n", id="plain"),
        pytest.param(PLAIN, "#!{}/bin/python -E\nx\n", "#!{}/bin/python -E\nx\n", id="option"),
        pytest.param(PLAIN, TRAMPOLINE + "x\n", "#!{}/bin/python\nx\n", id="needs-none-now"),
        pytest.param(BLANK, TRAMPOLINE + "x\n", TRAMPOLINE + "x\n", id="blanks"),
        pytest.param(FAR, TRAMPOLINE + "x\n", TRAMPOLINE + "x\n", id="long"),
        pytest.param(EDGE, "#!{}/bin/python\nx\n", TRAMPOLINE + "x\n", id="becomes-long"),
        pytest.param(PLAIN, "#!/bin/bash\nP={}\n", "#!/bin/bash\nP={}\n", id="shell"),
        pytest.param(PLAIN, "P='{}'\n", "P='{}'\n", id="sourced"),
    ],
)
def test_scripts_name_the_final_path(relocation: Relocation, old: str, new: str) -> None:
    before = old.replace("{}", str(relocation.stage)).encode()
    assert relocation.script(before).decode() == new.replace("{}", str(relocation.final))


@pytest.mark.parametrize(
    ("length", "direct"), [pytest.param(127, True, id="fits"), pytest.param(128, False, id="cut")]
)
def test_the_kernel_reads_so_many_bytes(length: int, direct: bool) -> None:
    program = b"/" + b"x" * (length - len("#!/\n"))
    assert (shebang([program]) == b"#!" + program + b"\n") is direct


def test_a_quote_in_a_path() -> None:
    assert shebang([b"/it's here/python"]) == (
        b"#!/bin/sh\n'''exec' '/it'\"'\"'s here/python' \"$0\" \"$@\"\n' '''\n"
    )


def test_the_records_follow(tmp_path: Path) -> None:
    relocation = Relocation(stage=tmp_path / ".staging" / "s", final=tmp_path / "releases" / "s")
    stage = relocation.stage
    info = stage / "lib" / "python3.12" / "site-packages" / "one-1.dist-info"
    info.mkdir(parents=True)
    (stage / "bin").mkdir()
    (stage / "bin" / "python").symlink_to("/usr/bin/python3")
    (stage / "bin" / "untouched").write_text("#!/bin/sh\n")
    (stage / "bin" / "one").write_text(f"#!{stage}/bin/python\n")
    (stage / "bin" / "one").chmod(0o755)
    (info / "RECORD").write_text("../../../bin/one,sha256=old,1\none.py,sha256=kept,2\nRECORD,,\n")
    assert relocate_scripts(relocation) == ["one"]
    data = (stage / "bin" / "one").read_bytes()
    assert data == f"#!{relocation.final}/bin/python\n".encode()
    assert (stage / "bin" / "one").stat().st_mode & 0o777 == 0o755
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    assert (info / "RECORD").read_text().splitlines() == [
        f"../../../bin/one,sha256={digest},{len(data)}",
        "one.py,sha256=kept,2",
        "RECORD,,",
    ]
