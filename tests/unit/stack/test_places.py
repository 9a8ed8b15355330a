from __future__ import annotations

import pytest

from lamina.core.errors import UsageError
from lamina.stack.places import Place, parse_asked

X = "https://git.example.org/x.git"


def place(text: str) -> Place:
    requirements, [found] = parse_asked([text])
    assert requirements == ()
    return found


@pytest.mark.parametrize(
    ("text", "name", "fields"),
    [
        (f"x @ git+{X}@v1.4", "x", {"git": X, "rev": "v1.4"}),
        (f"x[b,a]@git+{X}#subdirectory=p", "x[a,b]", {"git": X, "subdirectory": "p"}),
        (f"x @ git+{X} ; os_name == 'nt'", 'x; os_name == "nt"', {"git": X}),
        (f"git+{X}@main", None, {"git": X, "rev": "main"}),
        (f"git+{X}#egg=Mine&subdirectory=p", "Mine", {"git": X, "subdirectory": "p"}),
        ("git+ssh://git@h/x.git@v1", None, {"git": "ssh://git@h/x.git", "rev": "v1"}),
        ("https://github.com/a/b/archive/refs/tags/1.2.zip", None,
         {"git": "https://github.com/a/b.git", "tag": "1.2"}),
    ],
)  # fmt: skip
def test_repositories(text: str, name: str | None, fields: dict[str, str]) -> None:
    found = place(text)
    assert (str(found.requirement) if found.requirement else None) == name
    assert (found.repository, found.path) == (fields, "")


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("./vendor/mine", None, "./vendor/mine"),
        ("vendor/mine", None, "vendor/mine"),
        ("../mine", None, "../mine"),
        (".", None, "."),
        ("/abs/a dir", None, "/abs/a dir"),
        ("mine-1.0-py3-none-any.whl", None, "mine-1.0-py3-none-any.whl"),
        ("mine-1.0.tar.gz", None, "mine-1.0.tar.gz"),
        ("mine @ ./vendor/mine", "mine", "./vendor/mine"),
        ("mine[a] @ file:///abs/mine", "mine[a]", "file:///abs/mine"),
        ("file:///abs/mine", None, "file:///abs/mine"),
    ],
)
def test_paths(text: str, name: str | None, path: str) -> None:
    found = place(text)
    assert (str(found.requirement) if found.requirement else None) == name
    assert (found.repository, found.path) == (None, path)


def test_requirements_are_kept_apart() -> None:
    requirements, places = parse_asked(["numpy>=2", "vendor/x", "pyhf[minuit]", f"x @ git+{X}"])
    assert [str(one) for one in requirements] == ["numpy>=2", "pyhf[minuit]"]
    assert [one.text for one in places] == ["vendor/x", f"x @ git+{X}"]


def test_all_that_cannot_be_read_is_named() -> None:
    wrong = {
        "a b": "Expected semicolon",
        "c>>1": "Expected",
        f"d>=1 @ git+{X}": "Expected comma",
        "e @ https://index.example.org/e.whl": "write git+ before",
        "https://github.com/a/f": "write git+ before",
        "git@host:group/g.git": "write git+ before",
        "git+/abs/h": "write an https, ssh or file URL",
        f"i @ git+{X}@a..b": "is not the name of a revision",
    }
    with pytest.raises(UsageError) as caught:
        parse_asked(["numpy>=2", *wrong])
    first, *lines = caught.value.message.splitlines()
    assert first == "8 requirements cannot be read"
    for line, (text, reason) in zip(lines, wrong.items(), strict=True):
        assert line.startswith(f"  {text!r}: ")
        assert reason in line
    assert any("./vendor/mine" in hint for hint in caught.value.hints)


def test_credentials_are_not_repeated() -> None:
    with pytest.raises(UsageError, match="has credentials") as caught:
        parse_asked(["x @ git+https://me:secret@host/x.git"])
    assert "secret" not in caught.value.message
