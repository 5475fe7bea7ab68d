"""The examples of networks run as they are told of, and learn."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "models"


def numbers(pattern: str, printed: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, printed)]


def pairs(pattern: str, printed: str) -> list[tuple[float, float]]:
    found = [(float(a), float(b)) for a, b in re.findall(pattern, printed)]
    assert found, "nothing was printed"
    return found


# What each example has to reach; a network that does not learn stays far below.
LEARNS: dict[str, Callable[[str], bool]] = {
    "language_model": lambda p: len(numbers(r"perplexity (1\.\d+)", p)) == 3,  # of 28 letters
    "char_cnn": lambda p: numbers(r"accuracy (\S+)%", p)[0] > 95,
    "gpt": lambda p: min(numbers(r"(\d+)% right", p)) > 20,  # nine numbers of 17 each
    "translation": lambda p: min(numbers(r"(\d+)% of", p)) > 50,  # three words of nine each
    "images": lambda p: all(a > b for a, b in pairs(r"loss (\S+) to (\S+)", p)),
    "multilayer": lambda p: min(numbers(r"(\d+)% right", p)) > 80,
    "autoencoder": lambda p: (
        max(numbers(r"error (\S+)", p)[2:]) < 0.75 * numbers(r"error (\S+)", p)[0]
    ),
    "vae": lambda p: numbers(r"bound (\S+)", p)[-1] > numbers(r"bound (\S+)", p)[0] + 15,
    "heat_equation": lambda p: max(numbers(r"error (\S+)", p)) < 0.15,
    "detector": lambda p: "disc" in p and max(numbers(r"'box': (\d\.\d+)", p)) < 0.35,
    "entailment": lambda p: min(numbers(r"(\d+)% right", p)) > 70,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNS)
def test_an_example_learns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert LEARNS[name](printed), printed


def test_every_example_is_told_of_and_short() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = sorted(FOLDER.glob("*.py"))
    assert [path.stem for path in files] == sorted(LEARNS)
    for path in files:
        assert f"`{path.name}`" in text
        assert len(path.read_text(encoding="utf-8").splitlines()) < 40
