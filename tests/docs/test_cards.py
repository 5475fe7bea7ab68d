"""Every function and unit has a card that is complete and whose formulas, links and code hold."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from latex2mathml.converter import convert
from latex2mathml.exceptions import ExtraLeftOrMissingRightError

import actlas
from actlas import docs
from actlas.catalogue import Definition, forget
from actlas.docs._markdown import plain
from actlas.nn.structured import Unit, units
from tests.conftest import ENTRIES, over

ONE = [entry for entry in ENTRIES if len(entry.inputs) == 1]
TWO = [entry for entry in ENTRIES if len(entry.inputs) == 2]
CPU_SECONDS = 60.0  # for all cards, facts included, on one core


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cards in a folder; making them may not take long."""
    folder = tmp_path_factory.mktemp("cards") / "functions"
    started = time.process_time()
    count = docs.write(folder)
    assert time.process_time() - started < CPU_SECONDS
    assert count == len(list(folder.rglob("*.md")))
    return folder


@cache
def card_of(entry: Definition | Unit) -> str:
    if isinstance(entry, Unit):
        return docs.unit_card(entry)
    return docs.function_card(actlas.get(entry.name))


def section(card: str, title: str) -> str:
    """Return what stands under a heading; the heading must be there once."""
    assert card.count(f"\n## {title}\n") == 1, f"no section {title!r}"
    return card.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def formulas(card: str) -> list[str]:
    return re.findall(r"^\$\$\n(.+?)\n\$\$$", section(card, "Formula"), re.MULTILINE | re.DOTALL)


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in a text, without headings and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


@over()
def test_formula_and_derivative_parse(entry: Definition) -> None:
    found = formulas(card_of(entry))
    inputs = ",\\, ".join(entry.inputs)
    assert found[0].startswith(f"f({inputs}) = ")
    assert actlas.get(entry.name).latex in found[0]
    told = "too long for a page" in card_of(entry)
    assert len(found) == 1 + len(entry.inputs) - told
    for formula in found:
        check_latex(formula)


@pytest.mark.parametrize("unit", units().values(), ids=units())
def test_formula_of_a_unit_parses(unit: Unit) -> None:
    found = formulas(card_of(unit))
    assert found, f"the docstring of {unit.cls.__name__} has no '.. math::' line"
    for formula in found:
        check_latex(formula)


def check_latex(formula: str) -> None:
    mathml = convert(formula)
    assert mathml.startswith("<math")
    assert "\\" not in mathml, f"a command that is not LaTeX: {formula}"
    assert formula.count("{") == formula.count("}")
    assert formula.count(r"\left") == formula.count(r"\right")


@pytest.mark.parametrize("wrong", [r"\left( x", r"\tanhh{x}", "x}"])
def test_latex_check_can_fail(wrong: str) -> None:
    with pytest.raises((AssertionError, ExtraLeftOrMissingRightError)):
        check_latex(wrong)


@over()
def test_names_status_and_citation(entry: Definition) -> None:
    card = card_of(entry)
    assert card.startswith(f"# {plain(entry.title)}\n\n")
    check_head(card, entry, [entry.name, *entry.aliases], actlas.cite(entry.name))


@pytest.mark.parametrize("unit", units().values(), ids=units())
def test_names_status_and_citation_of_a_unit(unit: Unit) -> None:
    check_head(card_of(unit), unit, [unit.id, *unit.aliases], unit.paper.bibtex(unit.id))


def check_head(card: str, entry: Definition | Unit, names: list[str], bibtex: str) -> None:
    called = ", ".join(f"`{name}`" for name in names)
    assert f"**Called:** {called}" in card
    status = re.search(r"\*\*Status:\*\* (.*)", card)
    assert status
    verified = entry.status == "verified"
    assert status[1].startswith("verified against" if verified else "reconstructed. ")
    assert f"```bibtex\n{bibtex}\n```" in section(card, "Source")
    assert not entry.paper.link or f"<{entry.paper.link}>" in section(card, "Source")
    for title, notes in (("Errata", entry.errata), ("Name collisions", entry.collisions)):
        assert (f"\n## {title}\n" in card) == bool(notes)
        assert not notes or section(card, title).count("\n- ") == len(notes)


@over(ONE)
def test_facts_are_complete(entry: Definition) -> None:
    found = rows(section(card_of(entry), "Facts"))
    pairs = [pair for row in found for pair in (row[:2], row[2:]) if any(pair)]
    told = dict(pairs)
    assert len(told) == len(pairs) == 16
    assert all(told.values())
    assert {"range", "Lipschitz constant", "f(0)", "gain", "stability slope"} <= set(told)


def test_facts_of_two_inputs_are_not_claimed() -> None:
    assert all("one input" in section(card_of(entry), "Facts") for entry in TWO)


@over()
def test_parameters_and_claims(entry: Definition) -> None:
    card = card_of(entry)
    if entry.parameters:
        found = rows(section(card, "Parameters"))
        assert [row[0].strip("`") for row in found] == list(entry.parameters)
        assert [row[3] == "learnable" for row in found] == [
            p.learnable for p in entry.parameters.values()
        ]
    if entry.claims and len(entry.inputs) == 1:
        found = rows(section(card, "What the paper says"))
        assert len(found) == len(entry.claims)
        assert [row[1].startswith("✗") for row in found] == [bool(c.refuted) for c in entry.claims]


@over()
def test_example_runs(entry: Definition) -> None:
    code = re.search(r"```python\n(.*?)```", section(card_of(entry), "In PyTorch"), re.DOTALL)
    assert code
    exec(compile(code[1], entry.name, "exec"), {})


@pytest.mark.parametrize("unit", units().values(), ids=units())
def test_example_of_a_unit_runs(unit: Unit) -> None:
    text = section(card_of(unit), "Example").replace("```", "")
    case = doctest.DocTestParser().get_doctest(text, {}, unit.id, None, None)
    assert len(case.examples) >= 3
    assert doctest.DocTestRunner(verbose=False).run(case).failed == 0


def test_one_file_per_function_and_unit_and_an_index(written: Path) -> None:
    files = {str(path.relative_to(written)) for path in written.rglob("*.md")}
    expected = {f"{name}.md" for name in actlas.names()} | {f"units/{name}.md" for name in units()}
    assert files == expected | {"index.md"}
    assert len(files) == len(actlas.names()) + len(units()) + 1


def test_index_leads_to_every_card(written: Path) -> None:
    text = (written / "index.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert len(links) == len(set(links)) == len(actlas.names()) + len(units())
    assert all((written / link).is_file() for link in links)
    families = re.findall(r"^## (.+)$", text, re.MULTILINE)
    expected = {entry.family.replace("_", " ") for entry in ENTRIES}
    assert families == [*sorted(expected), "structured units"]
    marked = text.count(".md) †")
    everything = [*ENTRIES, *units().values()]
    assert marked == sum(entry.status == "reconstructed" for entry in everything)


def test_tables_have_as_many_cells_as_headings(written: Path) -> None:
    for path in written.rglob("*.md"):
        for block in re.findall(r"(?:^\|.*\n)+", path.read_text(encoding="utf-8"), re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(widths) == 1, f"{path.name}: {block}"


def test_a_function_of_ones_own_gets_a_card() -> None:
    function = actlas.define("card_of_my_own", "x * tanh(exp(a*x))", a=1.5)
    try:
        card = docs.card("card_of_my_own")
        assert "Defined by the user." in section(card, "Source")
        assert "verified" not in card
        assert function.latex in formulas(card)[0]
        assert "card_of_my_own.md" in docs.index()
    finally:
        forget("card_of_my_own")


def test_card_takes_parameters_and_refuses_unknown_names() -> None:
    assert "−2" in section(docs.card("elu(alpha=2)"), "Facts")
    with pytest.raises(actlas.ActlasError, match="Did you mean 'gelu'"):
        docs.card("gelo")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    command = [sys.executable, "-m", "actlas.docs", str(tmp_path / "taken")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("actlas.docs: cannot write the cards into")
    assert result.stderr.count("\n") == 1
