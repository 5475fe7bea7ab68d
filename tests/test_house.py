"""The house: floors, size, safety, light start, and that adding a function touches one file."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

import actlas
from actlas.expr.primitives import PRIMITIVES, VOCABULARY
from tests.conftest import ENTRIES

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "actlas"

# From the ground up; modules of one line may not import each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "machine"), ("expr",), ("catalogue",), ("backends",), ("facts",), ("kernels",),
    ("nn",), ("init", "functional"), ("models", "training", "surgery", "export", "integrations"),
    ("api",), ("study", "plotting", "data", "bench", "explorer"), ("cli",), ("docs",),
    ("__main__",),
)  # fmt: skip
HEIGHT = {name: height for height, floor in enumerate(FLOORS) for name in floor}
PUBLIC = {"ActlasError": "errors", "compare": "study", "__version__": "errors",
          "saving": "kernels", "set_saving": "kernels"}  # fmt: skip


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


FILES = sorted(PACKAGE.rglob("*.py"))


def _ids(files: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in files]


def _floor(module: str) -> str:
    """Return the floor of "actlas.nn.functional": "nn"."""
    return module.split(".")[1]


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield (floor, line) of every import of actlas, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "actlas":
            for alias in node.names:
                yield (alias.name if alias.name in HEIGHT else PUBLIC.get(alias.name, "api"),
                       node.lineno)  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("actlas."):
            yield _floor(str(node.module)), node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("actlas."):
                    yield _floor(alias.name), node.lineno


def upward(tree: ast.AST, floor: str) -> list[str]:
    """Return the imports of a file on `floor` that do not go down."""
    return [
        f"line {line}: {floor} imports {found}"
        for found, line in imports(tree)
        if found != floor and HEIGHT[found] >= HEIGHT[floor]
    ]


# The front door, actlas/__init__.py, gives everything, and only when it is asked for.
INSIDE = [path for path in FILES if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", INSIDE, ids=_ids(INSIDE))
def test_imports_go_down(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    assert upward(_tree(path), parts[0]) == []


def test_an_import_that_goes_up_is_seen() -> None:
    lazily = ast.parse("def f():\n    from actlas.nn import create\n    import actlas.study.plan\n")
    assert upward(lazily, "facts") == ["line 2: facts imports nn", "line 3: facts imports study"]
    assert upward(ast.parse("from actlas import get, nn"), "expr") == [
        "line 1: expr imports api", "line 1: expr imports nn"]  # fmt: skip
    assert upward(lazily, "cli") == []
    assert upward(ast.parse("from actlas.study import x"), "plotting")  # the same floor


def test_every_part_of_the_package_has_a_floor() -> None:
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__pycache__", "py"} <= set(HEIGHT)
    assert len(FILES) >= 80


def test_no_import_is_relative() -> None:
    for path in FILES:
        for node in ast.walk(_tree(path)):
            assert not (isinstance(node, ast.ImportFrom) and node.level), path


# ---------------------------------------------------------------- size and safety


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=_ids(FILES))
def test_files_and_functions_are_short(path: Path) -> None:
    """400 lines a file; 50 a function, or 60 where most of it is its docstring."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for name, lines in functions(_tree(path)):
        assert lines <= 60, f"{name} has {lines} lines"
    long = [name for name, lines in _bodies(_tree(path)) if lines > 50]
    assert not long, f"longer than 50 lines: {', '.join(long)}"


def _bodies(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield name and length of every function without its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            documented = ast.get_docstring(node, clean=False) or ""
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - documented.count("\n") - 1


FORBIDDEN = {"eval", "exec", "compile", "__import__"}


def unsafe_calls(tree: ast.AST) -> list[str]:
    """Return calls that run or unpickle what somebody else wrote, or touch global randomness."""
    found = []
    forked = {
        inner for node in ast.walk(tree)
        if isinstance(node, ast.With) and "fork_rng" in ast.unparse(node.items[0])
        for inner in ast.walk(node)
    }  # fmt: skip
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in forked:
            continue
        called = ast.unparse(node.func)
        keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
        if called in FORBIDDEN or called.split(".")[0] in ("pickle", "marshal", "shelve", "dill"):
            found.append(called)
        elif called == "torch.load" and keywords.get("weights_only") != "True":
            found.append(f"{called} without weights_only=True")
        elif keywords.get("allow_pickle") == "True" or keywords.get("shell") == "True":
            found.append(ast.unparse(node))
        elif called in ("np.random.seed", "torch.manual_seed", "random.seed", "os.system"):
            found.append(called)
    return found


@pytest.mark.parametrize("path", FILES, ids=_ids(FILES))
def test_nothing_foreign_is_run(path: Path) -> None:
    assert unsafe_calls(_tree(path)) == []


def test_a_forbidden_call_is_seen() -> None:
    bad = [
        "eval('1')", "pickle.load(f)", "torch.load(f)", "np.load(f, allow_pickle=True)",
        "torch.load(f, weights_only=False)", "run(c, shell=True)", "torch.manual_seed(0)",
    ]  # fmt: skip
    assert all(len(unsafe_calls(ast.parse(text))) == 1 for text in bad)
    fine = [
        "model.eval()", "torch.load(f, weights_only=True)", "np.load(f)", "torch.compile(f)",
        "with torch.random.fork_rng():\n    torch.manual_seed(0)",
    ]  # fmt: skip
    assert all(unsafe_calls(ast.parse(text)) == [] for text in fine)


# ---------------------------------------------------------------- no second list of functions

IDS = frozenset(entry.name for entry in ENTRIES) - set(PRIMITIVES) - set(VOCABULARY)
OUTSIDE = [path for path in FILES if "catalogue" not in path.parts]


def listed_ids(tree: ast.AST) -> set[str]:
    """Return the ids of functions that stand as string literals (names of primitives aside)."""
    strings = [n.value for n in ast.walk(tree)
               if isinstance(n, ast.Constant) and isinstance(n.value, str)]  # fmt: skip
    words = {word for text in strings if "\n" not in text for word in text.split(",")}
    return IDS & {word.strip() for word in words}


@pytest.mark.parametrize("path", OUTSIDE, ids=_ids(OUTSIDE))
def test_no_list_of_functions_outside_the_catalogue(path: Path) -> None:
    assert len(listed_ids(_tree(path))) <= 8, listed_ids(_tree(path))


def test_a_list_of_functions_is_seen() -> None:
    some = sorted(IDS)[:9]
    assert len(listed_ids(ast.parse(repr(some)))) == 9
    assert len(listed_ids(ast.parse(repr(", ".join(some))))) == 9
    assert len(IDS) >= 100


# ---------------------------------------------------------------- papers of the house


def test_folders_explain_themselves_in_brief() -> None:
    notes = [path for path in ROOT.rglob("README.md") if path.parent != ROOT]
    notes = [path for path in notes if not {".venv", ".pytest_cache", "out"} & set(path.parts)]
    assert len(notes) >= 5
    for path in notes:
        assert 3 <= len(path.read_text(encoding="utf-8").splitlines()) <= 35, path


def test_every_module_says_what_it_is_for() -> None:
    for path in FILES:
        assert path.stat().st_size == 0 or ast.get_docstring(_tree(path)), path


# ---------------------------------------------------------------- a light start


def _process(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_functions_are_imported_as_those_of_pytorch_are() -> None:
    code = ("import actlas, actlas.functional as F; "
            "print(F is actlas.functional is actlas.nn.functional)")  # fmt: skip
    assert _process(code).strip() == "True"


_LOADED = "import sys; print(*sorted({m.split('.')[0] for m in sys.modules}))"


def test_import_is_light() -> None:
    assert not {"torch", "mpmath", "scipy"} & set(_process(f"import actlas; {_LOADED}").split())
    loaded = set(_process(f"import actlas; actlas.get, actlas.names(); {_LOADED}").split())
    heavy = {"scipy", "sklearn", "matplotlib", "rich", "typer", "pydantic", "pandas", "mpmath"}
    assert "torch" in loaded
    assert not heavy & loaded


def test_help_loads_no_torch() -> None:
    code = ("import sys; from actlas.cli import app; app(['--help'], standalone_mode=False); "
            f"{_LOADED}")  # fmt: skip
    shown = _process(code)
    assert "compare" in shown
    assert not {"torch", "numpy", "mpmath", "matplotlib"} & set(shown.splitlines()[-1].split())


# ---------------------------------------------------------------- one function, one file

_FAMILY = '''"""A family made up for a test."""

from actlas.catalogue import POSITIVE, Claim, Paper, activation, learnable
from actlas.expr import sigmoid, tanh


@activation(
    paper=Paper("Nobody", 2026, title="On Nothing"),
    title="WobblyGate",
    aliases=("wobble",),
    claims=[Claim("f(0) = 0", lambda facts: facts.f0 == 0)],
)
def wobbly_gate(x, k=learnable(1.5, POSITIVE)):
    """Gates its input by a sigmoid and bends it by a tanh."""
    return x * sigmoid(k * x) + tanh(x) / 8
'''
# What a new file in actlas/catalogue would do: be found by the search for families.
_START = "import actlas.catalogue; actlas.catalogue.__path__.append({folder!r})\n"

_LOOK = """
import json, torch, actlas
from actlas.docs import card
from _pytest.mark import ParameterSet
from tests.conftest import ENTRIES
from tests.catalogue import test_facts, test_half, test_torch, test_values
wobbly = actlas.get("Wobble", k=2.0)
module, x = actlas.nn.WobblyGate(), torch.tensor([0.5])
entry = wobbly.definition
test_torch.test_survives_copies_and_checkpoints(entry)
test_facts.test_zeros_and_special_points(entry)
print(json.dumps({
    "named": "wobbly_gate" in actlas.names() and "wobbly_gate" in actlas.names("wobbly"),
    "value": wobbly(0.5), "slope": wobbly.derivative()(0.5),
    "functional": float(actlas.functional.wobbly_gate(x, k=2.0)),
    "module": float(actlas.nn.create("wobbly-gate", k=2.0)(x).detach()),
    "state": list(module.state_dict()), "listed": "WobblyGate" in dir(actlas.nn),
    "card": card("wobbly_gate"),
    "gain": actlas.init.gain("wobbly_gate"), "minimum": wobbly.facts.minimum.value,
    "latex": wobbly.latex, "bibtex": actlas.cite("wobble"),
    "c": wobbly.source("c")[-300:], "javascript": wobbly.source("javascript")[-200:],
    "entries": entry in ENTRIES,
    "cases": sum("wobbly_gate" in str(p.id) for p in test_facts.CLAIMS),
    "tests": sum(
        any(v is entry for v in parameter.values)
        for tests in (test_values, test_half, test_torch, test_facts)
        for name, test in vars(tests).items() if name.startswith("test_") and callable(test)
        for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"
        for parameter in mark.args[1] if isinstance(parameter, ParameterSet)
    ),
}))
"""


@pytest.fixture(scope="module")
def with_a_family(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which the catalogue has one file more."""
    folder = tmp_path_factory.mktemp("family")
    (folder / "more").mkdir()
    (folder / "more" / "wobbly.py").write_text(_FAMILY)
    (folder / "sitecustomize.py").write_text(_START.format(folder=str(folder / "more")))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "COLUMNS": "120"}


@pytest.fixture(scope="module")
def seen(with_a_family: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_process(_LOOK, **with_a_family).splitlines()[-1])
    return found


def test_a_new_function_is_in_the_library(seen: dict[str, Any]) -> None:
    import math

    at = 0.5 / (1 + math.exp(-1.0)) + math.tanh(0.5) / 8
    assert seen["named"]
    assert seen["value"] == pytest.approx(at, rel=1e-14)
    assert seen["functional"] == pytest.approx(at, rel=1e-6)
    assert seen["module"] == pytest.approx(at, rel=1e-6)
    assert seen["state"] == ["k"]
    assert seen["listed"]
    assert 0.5 < seen["gain"] < 3
    assert seen["minimum"] < 0
    assert r"\sigma\left(k x\right)" in seen["latex"]
    assert "On Nothing" in seen["bibtex"]
    assert "Gates its input" in seen["card"]
    assert "real wobbly_gate(real x, real k)" in seen["c"]
    assert "function wobbly_gate(x, k)" in seen["javascript"]


def test_a_new_function_is_in_the_tests(seen: dict[str, Any]) -> None:
    assert seen["entries"]
    assert seen["cases"] == 1
    assert seen["tests"] >= 12, "the parametrised tests of the catalogue do not take it up"


_COMMANDS = """
import sys
from actlas.cli import app
for words in {words}:
    app(words, standalone_mode=False)
"""


def test_a_new_function_is_on_the_command_line(
    with_a_family: dict[str, str], tmp_path: Path
) -> None:
    picture, folder = str(tmp_path / "w.png"), str(tmp_path / "out")
    words = [["list", "--search", "wobbly"], ["show", "wobble"], ["show", "wobble", "--cite"],
             ["plot", "wobbly_gate", "-d", "-o", picture]]  # fmt: skip
    shown = _process(_COMMANDS.format(words=words), **with_a_family)
    assert "wobbly_gate" in shown
    assert "Gates its input by a sigmoid and bends it by a tanh." in shown
    assert "f(0) = 0" in shown
    assert "On Nothing" in shown
    assert (tmp_path / "w.png").stat().st_size > 5000
    compared = subprocess.run(
        [sys.executable, "-m", "actlas", "compare", "--activations", "wobbly_gate,relu", "--seeds",
         "2", "--budget", "1", "--epochs", "1", "--workers", "1", "--out", folder],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", **with_a_family},
    )  # fmt: skip
    assert compared.returncode == 0, compared.stderr[-2000:]
    assert "WobblyGate" in (Path(folder) / "report.html").read_text(encoding="utf-8")


def test_this_process_knows_nothing_of_it() -> None:
    assert "wobbly_gate" not in actlas.names()


# ---------------------------------------------------------------- the suite itself


def test_what_is_installed_runs_on_the_lowest_python() -> None:
    """A pin that wants a later patch release leaves machines with an early one without a suite."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = project["requires-python"].removeprefix(">=") + ".0"
    wanted = {d.name: d.metadata["Requires-Python"] for d in metadata.distributions()}
    late = {
        name: asks for name, asks in wanted.items() if asks and lowest not in SpecifierSet(asks)
    }
    assert not late


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_stay_together(request: pytest.FixtureRequest) -> None:
    """The group is written into the id of a test, by which processes are given their work."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs everything")
    assert request.node.nodeid.endswith("@together")
