"""Everything there is to do in this checkout, with nothing but Python 3.11 or newer and pip.

    python3 tasks.py demo         set up, then show lamina's main job on an example
    python3 tasks.py test [...]   set up, then all checks and the tests (arguments go to pytest)
    python3 tasks.py lint         set up, then the checks alone
    python3 tasks.py docs         set up, then the documentation, into docs/_build/html
    python3 tasks.py matrix       set up, then docs/reference/layer-matrix.md, from the tests of it
    python3 tasks.py bench [...]  set up, then the benchmarks (arguments go to them)
    python3 tasks.py all          lint, docs and test
    python3 tasks.py pins         renew the files in requirements/ from pyproject.toml

Setting up means: a virtual environment in .venv with the packages pinned in requirements/, every
one checked against its hash, and lamina itself as an editable install. Done once; later runs see
that nothing changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python gets its message
    sys.exit(
        f"error: {sys.executable} is Python {sys.version.split()[0]}; this needs 3.11 or newer\n"
        "hint: python3.11 tasks.py demo"
    )

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
STAMP = VENV / "lamina-stamp.txt"
PINS = HERE / "requirements"

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports", "--no-logo"),
    ("codespell",),
)

# What would send packages elsewhere or let foreign ones in.
UNWANTED = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "VIRTUAL_ENV")


def main(arguments: list[str]) -> int:
    """Do the task named first; the rest are its arguments."""
    name, *rest = arguments or ["help"]
    tasks = {
        "demo": demo,
        "test": test,
        "lint": lint,
        "docs": docs,
        "bench": bench,
        "matrix": matrix,
        "all": everything,
        "pins": pins,
    }
    if name not in tasks:
        print(__doc__)
        return 0 if name in {"help", "-h", "--help"} else 2
    try:
        return tasks[name](rest)
    except subprocess.CalledProcessError as error:
        return fail(f"{Path(error.cmd[0]).name} ended with exit code {error.returncode}")
    except KeyboardInterrupt:
        return 130


def demo(arguments: list[str]) -> int:
    """Set up what lamina needs to run and show its main job."""
    set_up("run")
    # What the demo says is to be typed in the caller's shell, which need not find lamina by name.
    return call(BIN / "lamina", "demo", *arguments, with_programs=False)


def test(arguments: list[str]) -> int:
    """Set up everything, run the checks, then the tests; the last words are pytest's."""
    set_up("dev")
    failed = run_checks()
    # Each worker begins with one half, so that what a file of tests sets up is set up once.
    parallel = ("-n", "2", "--dist", "worksteal")
    code = call(PYTHON, "-m", "pytest", *parallel, "-m", "not heavy", *arguments)
    if failed:
        fail(f"these checks failed before the tests: {', '.join(failed)}")
    return code or len(failed)


def lint(arguments: list[str]) -> int:
    """Set up everything and run the checks."""
    set_up("dev")
    failed = run_checks()
    return fail(f"these checks failed: {', '.join(failed)}") if failed else expect_none(arguments)


def docs(arguments: list[str]) -> int:
    """Build the documentation; a warning is an error."""
    set_up("dev")
    target = HERE / "docs" / "_build" / "html"
    options = ("-W", "--keep-going", "-q", "-b", "html", *arguments)
    code = call(PYTHON, "-m", "sphinx", *options, HERE / "docs", target)
    if code == 0:
        print(f"open {target / 'index.html'}")
    return code


def matrix(arguments: list[str]) -> int:
    """Run the tests of what holds over which base, and write the page that tells."""
    set_up("dev")
    page = HERE / "docs" / "reference" / "layer-matrix.md"
    options = ("-q", "-n", "2", "--matrix", str(page), *arguments)
    return call(PYTHON, "-m", "pytest", *options, HERE / "tests" / "integration" / "layer")


def bench(arguments: list[str]) -> int:
    """Run the benchmarks."""
    set_up("dev")
    return call(PYTHON, "-m", "benchmarks", *arguments)


def everything(arguments: list[str]) -> int:
    """Do what a change must pass: the documentation, the checks, the tests."""
    return docs([]) or test(arguments)


def pins(arguments: list[str]) -> int:
    """Renew the pins: dev is everything, run what the program needs, uv what sets the rest up."""
    set_up("dev")
    compile_pins(["pyproject.toml", "--group", "dev", *arguments], "dev")
    compile_pins(["pyproject.toml", "--group", "build", "-c", "requirements/dev.txt"], "run")
    compile_pins(["-", "-c", "requirements/dev.txt"], "uv", text="uv\n")
    return 0


def compile_pins(inputs: list[str], name: str, *, text: str = "") -> None:
    """Resolve for every platform and Python that we support; no address is written."""
    options = ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header"]
    silent = ["--quiet", "--no-emit-index-url", "--no-emit-find-links", "--no-config"]
    output = f"requirements/{name}.txt"
    words = ["pip", "compile", *inputs, *options, *silent, "--output-file", output]
    print(f"== {output}", flush=True)
    subprocess.run(
        [BIN / "uv", *words], cwd=HERE, env=environment(), input=text, text=True, check=True
    )


def run_checks() -> list[str]:
    """Run every check and return the names of those that failed."""
    return [" ".join(words) for words in CHECKS if call(BIN / words[0], *words[1:]) != 0]


def set_up(pinned: str) -> None:
    """Bring .venv to what requirements/<pinned>.txt says, if it is not there yet."""
    stamp = STAMP.read_text(encoding="utf-8").splitlines() if STAMP.is_file() else []
    if fingerprint(pinned) in stamp:
        return
    if place() not in stamp or not PYTHON.exists():
        print(f"== a virtual environment in {VENV}", flush=True)
        make_venv()
    print(f"== packages of requirements/{pinned}.txt", flush=True)
    hashed = ("--require-hashes", "-r")
    pip = (PYTHON, "-I", "-m", "pip", "install", "-qq", "--no-deps", "--no-user")
    uv = (BIN / "uv", "pip", "install", "--quiet", "--no-config", "--python", PYTHON, "--no-deps")
    check(*pip, *hashed, PINS / "uv.txt")
    check(*uv, *hashed, PINS / f"{pinned}.txt")
    check(*uv, "--no-build-isolation", "--editable", HERE)
    # The development packages hold those of the program: both are ready then.
    names = ("dev", "run") if pinned == "dev" else (pinned,)
    lines = [place(), *(fingerprint(name) for name in names)]
    STAMP.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_venv() -> None:
    """Make .venv anew."""
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        venv.create(VENV, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError:
        sys.exit(
            "error: this Python comes without pip\n"
            "hint: on Debian and Ubuntu: apt-get install python3-venv"
        )


def place() -> str:
    """Return what .venv is bound to: this directory and this Python."""
    return f"{HERE} {sys.version_info[0]}.{sys.version_info[1]}"


def fingerprint(pinned: str) -> str:
    """Return what decides the packages of .venv: the place, the pins, the project's table."""
    digest = hashlib.sha256(place().encode())
    for file in (PINS / f"{pinned}.txt", HERE / "pyproject.toml"):
        digest.update(file.read_bytes())
    return f"{pinned} {digest.hexdigest()}"


def environment(*, with_programs: bool = True) -> dict[str, str]:
    """Return the environment of every program called: one package index for pip and uv."""
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    path = kept.get("PATH", os.defpath)
    if with_programs:
        kept["PATH"] = f"{BIN}{os.pathsep}{path}"
    sys.path.insert(0, str(HERE / "src"))
    # The settings that lamina itself will use; this part of it needs no other package.
    from lamina.engines.index_settings import configured_index

    address = configured_index(os.environ)
    if address:
        kept["PIP_INDEX_URL"] = kept["UV_DEFAULT_INDEX"] = address
    return kept


def call(*words: str | Path, with_programs: bool = True) -> int:
    """Run a program in this directory, with its output shown, and return its exit code."""
    print(f"== {' '.join([Path(words[0]).name, *map(str, words[1:])])}", flush=True)
    env = environment(with_programs=with_programs)
    return subprocess.run(words, cwd=HERE, env=env, check=False).returncode


def check(*words: str | Path) -> None:
    """Run a program that has to succeed."""
    subprocess.run(words, cwd=HERE, env=environment(), check=True)


def expect_none(arguments: list[str]) -> int:
    """Return 0 when nothing was left over on the command line."""
    return fail(f"unexpected: {' '.join(arguments)}") if arguments else 0


def fail(message: str) -> int:
    """Say what went wrong."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
