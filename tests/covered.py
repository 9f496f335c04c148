"""Says which lines of the guarded modules no test runs, and fails for them: `pytest -p tests.covered`.

coverage.py finds the statements and judges. Its tracer is not used: before Python 3.12 it slows down each line of
everything, also of what it is told to leave out, and tests take two thirds more processor time. Instead these modules
are compiled with a note before each statement, which costs nothing that can be measured. What only a child process
runs is not noted.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
# Money and order pass through these, and what says who somebody is.
GUARDED = tuple(
    str(path)
    for pattern in (
        "bot/channels/*/inbound.py",
        "bot/conversation/actions.py",
        "bot/delivery.py",
        "bot/services/points.py",
        "bot/services/redeeming.py",
        "bot/services/redemption.py",
        "bot/storage/asked.py",
        "bot/storage/claims.py",
        "bot/storage/inbox.py",
        "bot/storage/issues.py",
        "bot/storage/points.py",
        "bot/storage/redemptions.py",
    )
    for path in sorted(ROOT.glob(pattern))
)
EXCEPTION = r"# pragma: no cover - \S"  # with its reason
NOTE = "__note__"


class Noting(ast.NodeTransformer):
    """Puts a note of its line before each statement."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """With `except` and `case`, which are none, at the beginning of their bodies."""
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                start = name == "body" and _has_docstring(node)
                noted = block[:start] + [each for statement in block[start:] for each in self._noted(statement)]
                if isinstance(node, ast.ExceptHandler):
                    noted.insert(0, _note(node.lineno, node))
                elif isinstance(node, ast.match_case):
                    noted.insert(0, _note(node.pattern.lineno, node.pattern))
                setattr(node, name, noted)
        return node

    @staticmethod
    def _noted(statement: ast.stmt) -> Iterator[ast.stmt]:
        match statement:
            case ast.ImportFrom(module="__future__"):  # Nothing may stand before it.
                yield statement
                yield _note(statement.lineno, statement)
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for decorator in statement.decorator_list:
                    yield _note(decorator.lineno, statement)
        yield _note(statement.lineno, statement)
        yield statement


def _has_docstring(node: ast.AST) -> bool:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None


def _note(line: int, place: ast.AST) -> ast.stmt:
    call = ast.Expr(ast.Call(ast.Name(NOTE, ast.Load()), [ast.Constant(line)], []))
    for node in ast.walk(call):
        ast.copy_location(node, place)
    return call


class Loader(SourceFileLoader):
    """Loads a module whose statements note their lines in `lines`."""

    def __init__(self, name: str, path: str, lines: set[int]) -> None:
        super().__init__(name, path)
        self.lines = lines

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew: what Python keeps of a module has no notes."""
        tree = Noting().visit(ast.parse(self.get_data(self.path), self.path))
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, NOTE, self.lines.add)
        super().exec_module(module)


class Finder(MetaPathFinder):
    """Finds the guarded modules before Python itself does. noted: which lines of each file were run so far."""

    def __init__(self) -> None:
        self.noted: dict[str, set[int]] = {path: set() for path in GUARDED}
        self._paths = {".".join(Path(path).relative_to(ROOT).with_suffix("").parts): path for path in GUARDED}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._paths:
            return None
        spec = PathFinder.find_spec(name, path)
        assert spec is not None and spec.origin == self._paths[name], "the bot of this folder is tested"
        spec.loader = Loader(name, spec.origin, self.noted[spec.origin])
        return spec


class Covered:
    """Collects what the workers noted, and tells it at the end."""

    def __init__(self, finder: Finder) -> None:
        self.finder = finder
        self.told = ""

    def pytest_testnodedown(self, node: Any) -> None:
        for path, lines in getattr(node, "workeroutput", {}).get("noted", {}).items():
            self.finder.noted[path].update(lines)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output["noted"] = {path: sorted(lines) for path, lines in self.finder.noted.items()}
        elif exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            percent, self.told = judged(self.finder.noted)
            if percent < 100:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
                self.told += "No test runs these lines. Add one, or say why: # pragma: no cover - <reason>\n"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.told:
            terminalreporter.section("lines that guard money, order and who is who", sep="-")
            terminalreporter.write(self.told)


def judged(noted: Mapping[str, Collection[int]]) -> tuple[float, str]:
    """How many per cent of the statements were run, and a table of the files."""
    import coverage  # Only here: the workers do without it.

    judge = coverage.Coverage(data_file=None, config_file=False)
    judge.set_option("report:exclude_lines", [EXCEPTION])
    judge.get_data().add_lines(noted)
    judge.get_data().touch_files(noted)
    table = io.StringIO()
    return judge.report(file=table, show_missing=True), table.getvalue()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any test, and with it the bot, is loaded."""
    finder = Finder()
    sys.meta_path.insert(0, finder)
    early_config.pluginmanager.register(Covered(finder))
