"""What says which lines were run."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import covered
from coverage.parser import PythonParser

ODD = '''"""A docstring."""
from __future__ import annotations

import functools


class Thing:
    """Another."""

    size: int = 3
    """And one of an attribute."""

    @property
    @functools.cache
    def double(self):
        return self.size * 2


def ends(value):
    """How it ends."""
    try:
        match value:
            case int():
                return 1 / value
            case _:
                pass
    except ZeroDivisionError:
        return (
            "zero"
        )
    else:
        for _ in range(2):
            value += "!"
        else:
            value += "."
    finally:
        with open(__file__):
            ...
    if value == "never":
        return None
    elif value == "ever":
        return True
    return value
'''


def statements(path: Path) -> set[int]:
    """The lines of statements, as coverage.py counts them."""
    parser = PythonParser(path.read_text(), str(path))
    parser.parse_source()
    return set(parser.statements)


def test_each_line_that_runs_is_noted(tmp_path: Path) -> None:
    """And no other: of every kind of statement."""
    path = tmp_path / "odd.py"
    path.write_text(ODD)
    noted: set[int] = set()
    spec = importlib.util.spec_from_loader("odd", covered.Loader("odd", str(path), noted))
    assert spec is not None and spec.loader is not None
    odd = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(odd)
    never = {
        number
        for number, line in enumerate(ODD.splitlines(), 1)
        if line in ("        return None", "        return True")
    }

    assert odd.Thing().double == 6
    assert [odd.ends(0), odd.ends(2), odd.ends("a")] == ["zero", 0.5, "a!!."]
    assert statements(path) - noted == never


def test_a_line_that_nothing_runs_is_told(tmp_path: Path) -> None:
    """An exception needs its reason."""
    path = tmp_path / "some.py"
    path.write_text("a = 1\nb = 2  # pragma: no cover\nc = 3  # pragma: no cover - Windows only\n")

    percent, told = covered.judged({str(path): {1}})

    assert percent == 50
    assert [line.split()[-4:] for line in told.splitlines() if "some.py" in line] == [["2", "1", "50%", "2"]]
