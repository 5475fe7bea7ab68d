"""Bad definitions fail where they stand, with the entry, the place and the repair."""

# ruff: noqa: B008 - defaults declare parameters, as in the catalogue

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import actlas
from actlas.catalogue import (
    POSITIVE,
    Definition,
    Paper,
    activation,
    choice,
    define,
    find,
    fixed,
    fold,
    forget,
    learnable,
    load,
)
from actlas.errors import ActlasError
from actlas.expr import clamp, exp, log, maximum, tanh, where

PAPER = Paper("Nobody", 2020)
Body = Callable[..., Any]


@pytest.fixture(autouse=True)
def _catalogue_is_left_as_it_was() -> Iterator[None]:
    before = dict(load())
    yield
    for name in set(load()) - set(before):
        forget(name)
    assert load() == before


@dataclass(frozen=True)
class Bad:
    """A definition that must be refused, and the words of the refusal."""

    body: Body
    says: tuple[str, ...]
    details: dict[str, Any]


def _bad(*says: str, **details: Any) -> Callable[[Body], Bad]:
    return lambda body: Bad(body, says, {"paper": PAPER, **details})


@_bad("formula cannot be traced", "'tahn' is not defined")
def unknown_name(x):
    """One sentence."""
    return tahn(x)  # noqa: F821


@_bad("'a' is declared but not used; remove it")
def unused_parameter(x, a=fixed(1.0)):
    """One sentence."""
    return tanh(x)


@_bad("'a' is declared but not used", formula=lambda x, a: tanh(x))
def unused_in_the_printed_formula(x, a=fixed(1.0)):
    """One sentence."""
    return tanh(a * x)


@_bad("'x' is declared but not used")
def unused_input(x, a=fixed(1.0)):
    """One sentence."""
    return tanh(a)


@_bad("the name 'mish' already belongs to mish; choose another")
def mish(x):
    """One sentence."""
    return tanh(x)


@_bad("the name 'Tanh-Exp' already belongs to telu", aliases=("Tanh-Exp",))
def taken_alias(x):
    """One sentence."""
    return tanh(x)


@_bad("the name 'ReLU' already belongs to relu", title="ReLU")
def taken_title(x):
    """One sentence."""
    return tanh(x)


@_bad("an alias repeats another name of the entry; remove it", aliases=("twice", "Twice"))
def alias_twice(x):
    """One sentence."""
    return tanh(x)


@_bad("an alias repeats another name", aliases=("own-name",))
def own_name(x):
    """One sentence."""
    return tanh(x)


@_bad("the source is missing; give paper=Paper(author, year, ...)", paper=Paper("", 2020))
def no_author(x):
    """One sentence."""
    return tanh(x)


@_bad("the source is missing", paper=Paper("Nobody", 0))
def no_year(x):
    """One sentence."""
    return tanh(x)


@_bad("log(1 + exp(k*x)) cancels or overflows; write softplus(k*x)")
def unsafe(x, k=fixed(1.0)):
    """One sentence."""
    return log(1 + exp(k * x)) / k


@_bad("the docstring must be one sentence")
def no_docstring(x):
    return tanh(x)


@_bad("the docstring must be one sentence")
def long_docstring(x):
    """One sentence.

    And a paragraph.
    """
    return tanh(x)


@_bad("an id is written in lower_snake_case")
def BadId(x):
    """One sentence."""
    return tanh(x)


@_bad("the inputs must be x, or x and y, not z")
def wrong_input(z):
    """One sentence."""
    return tanh(z)


@_bad("write a=fixed(...) or a=learnable(...)")
def plain_default(x, a=1.0):
    """One sentence."""
    return tanh(a * x)


@_bad("the default of a is not in its own domain: a must be greater than 0, got -1.0")
def default_outside(x, a=fixed(-1.0, POSITIVE)):
    """One sentence."""
    return tanh(a * x)


@_bad("the default of a is not in its own domain: a must be any real number, got nan")
def default_nan(x, a=learnable(float("nan"))):
    """One sentence."""
    return tanh(a * x)


@_bad("the default of a is not in its own domain: a must be greater than 0, got 0.0")
def default_vector_outside(x, a=learnable((1.0, 0.0), POSITIVE)):
    """One sentence."""
    return tanh(a[0] * x) + a[1]


@_bad("the body must return an expression of x, not 3")
def no_expression(x):
    """One sentence."""
    return 3


@_bad("the body must return an expression of x, not None", formula=lambda x: None)
def no_printed_expression(x):
    """One sentence."""
    return tanh(x)


@_bad("formula cannot be traced", "write where(condition, a, b)")
def python_condition(x):
    """One sentence."""
    return x if x > 0 else -x


@_bad("formula cannot be traced", "where needs a comparison such as x > 0 first, not x")
def no_condition(x):
    """One sentence."""
    return where(x, 1, x)


@_bad("x > 0 is a condition, not a number; write where(x > 0, 1, 0)")
def condition_as_a_number(x):
    """One sentence."""
    return x * (x > 0)


@_bad("x > 0 is a condition, not a number")
def condition_as_the_result(x):
    """One sentence."""
    return x > 0


@_bad("formula cannot be traced", "an exponent must be an integer")
def real_exponent(x, p=fixed(2.0)):
    """One sentence."""
    return x**p


@_bad("formula cannot be traced", "division of x by the constant 0")
def divided_by_zero(x):
    """One sentence."""
    return x / 0


@_bad("formula cannot be traced", "Invalid literal for Fraction: 'nan'")
def constant_nan(x):
    """One sentence."""
    return x * float("nan")


@_bad("formula cannot be traced", "has no attribute 'tanh'")
def method(x):
    """One sentence."""
    return x.tanh()


BAD = {name: value for name, value in globals().items() if isinstance(value, Bad)}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_refused_with_entry_place_and_repair(bad: Bad) -> None:
    before = dict(load())
    with pytest.raises(ActlasError) as caught:
        activation(**bad.details)(bad.body)
    assert load() == before
    message = str(caught.value)
    line = inspect.getsourcelines(bad.body)[1]
    assert message.startswith(f"{bad.body.__name__} (test_definitions.py:{line}): ")
    for words in bad.says:
        assert words in message
    assert "\n" not in message


def test_without_the_fault_the_same_definitions_are_taken() -> None:
    """The refusals above are not refusals of everything."""

    @activation(paper=PAPER, title="FineOne", aliases=("fine_1",))
    def fine_one(x, a=learnable(1.0, POSITIVE), kind=choice("tanh", "line")):
        """One sentence."""
        return where(x > 0, tanh(a * x) if kind == "tanh" else clamp(a * x, -1, 1), a * x)

    assert find("FINE-1") is fine_one is find("FineOne") is load()["fine_one"]
    assert fine_one.place.startswith("test_definitions.py:")
    assert fine_one.bind({"kind": "line"}) == {"a": 1.0, "kind": "line"}


def test_a_refused_name_can_be_used_again() -> None:
    with pytest.raises(ActlasError, match="cancels"):
        define("second_try", "log(1 + exp(x))")
    assert define("second_try", "softplus(x)").name == "second_try"


def test_forget_frees_every_name() -> None:
    for _ in range(2):

        @activation(paper=PAPER, title="ForAWhile", aliases=("fleeting",))
        def for_a_while(x):
            """One sentence."""
            return maximum(x, -x / 2)

        forget("fleeting")
    with pytest.raises(ActlasError, match="no activation called 'fleeting'"):
        find("fleeting")


@pytest.mark.parametrize(
    ("name", "formula", "parameters", "says"),
    [
        ("Mine", "tanh(x)", {}, ["Mine (actlas.define): an id is written in lower_snake_case"]),
        ("my name", "tanh(x)", {}, ["my name (actlas.define)", "lower_snake_case"]),
        ("", "tanh(x)", {}, ["lower_snake_case"]),
        (3, "tanh(x)", {}, ["the name of an activation is a string, got 3"]),
        ("relu", "tanh(x)", {}, ["relu (actlas.define): the name 'relu' already belongs to relu"]),
        ("tanh_exp", "tanh(x)", {}, ["already belongs to telu"]),
        ("mine", "tahn(x)", {}, ["unknown function 'tahn'. Did you mean 'tanh'"]),
        ("mine", "tanh(k*x)", {}, ["unknown name 'k' (known: x)", "column 6"]),
        ("mine", "tanh(x)", {"k": 1.0}, ["mine (actlas.define): 'k' is declared but not used"]),
        ("mine", "k", {"k": 1.0}, ["'x' is declared but not used"]),
        ("mine", "", {}, ["the formula is empty"]),
        ("mine", None, {}, ["the formula is empty"]),
        ("mine", "1/(1+exp(-k*x))", {"k": 2}, ["1/(1 + exp(-(k*x)))", "write sigmoid(k*x)"]),
        ("mine", "k*x", {"k": "1"}, ["parameter k needs a number or learnable(...), got '1'"]),
        ("mine", "k*x", {"k": True}, ["parameter k needs a number"]),
        ("mine", "k*x", {"k": float("nan")}, ["parameter k needs a number", "got nan"]),
        ("mine", "k*x", {"k": 10**400}, ["parameter k needs a number"]),
        ("mine", "x*y", {"y": 1.0}, ["'y' cannot be the name of a parameter; choose another"]),
        ("mine", "x", {"k k": 1.0}, ["'k k' cannot be the name of a parameter"]),
        ("mine", "k*x", {"k": fixed(0.0, POSITIVE)}, ["the default of k is not in its own domain"]),
        ("mine", "x < 1", {}, ["x < 1 is a condition, not a number"]),
        ("mine", "max(x, x < 1)", {}, ["x < 1 is a condition, not a number"]),
    ],
)
def test_define_refuses(name: Any, formula: Any, parameters: Any, says: list[str]) -> None:
    with pytest.raises(ActlasError) as caught:
        define(name, formula, **parameters)
    for words in says:
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_define_gives_everything_a_built_in_has() -> None:
    import torch

    mine = actlas.define("mine_own", "x*tanh(exp(a*x))", a=learnable(1.0))
    assert mine(1.0) == actlas.get("telu")(1.0)
    assert mine.latex == r"x \tanh\left(e^{a x}\right)"
    assert mine.facts.minimum.value == pytest.approx(actlas.get("telu").facts.minimum.value)
    assert "a" in actlas.nn.create("mine_own").state_dict()
    x = torch.tensor([0.5], requires_grad=True)
    actlas.functional.mine_own(x).backward()
    assert x.grad == pytest.approx(float(mine.derivative()(0.5)))


def test_defining_first_does_not_break_the_catalogue() -> None:
    """A name taken before the families are loaded would make every later look-up fail."""
    code = (
        "import actlas\n"
        "try: actlas.define('relu', 'x')\n"
        "except actlas.ActlasError as error: print(error)\n"
        "@actlas.activation()\n"
        "def first(x):\n    'One sentence.'\n    return x\n"
        "print(len(actlas.names()) > 100, actlas.get('relu')(2.0), actlas.get('first')(3.0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "relu (actlas.define): the name 'relu' already belongs to relu; choose another",
        "True 2.0 3.0",
    ], done.stderr


def _names(entry: Definition) -> list[str]:
    return [entry.name, entry.title, *entry.aliases]


def test_every_name_finds_its_entry() -> None:
    """In any case, with any separators; and nothing else answers to it."""
    owner: dict[str, str] = {}
    for entry in load().values():
        for name in _names(entry):
            assert find(name) is entry
            assert find(name.upper().replace("_", "-")) is entry
            assert owner.setdefault(fold(name), entry.name) == entry.name


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ActlasError, match=r"no activation called 'gelo'\. Did you mean 'gelu'"):
        find("gelo")
    with pytest.raises(ActlasError, match="name is a string, got 3"):
        find(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"negative_slop": 0.1}, "leaky_relu has no parameter 'negative_slop'; its parameters: "
                                 "negative_slope. Did you mean 'negative_slope'?"),
        ({"negative_slope": "0.1"}, "negative_slope must be a number, got '0.1'"),
        ({"negative_slope": None}, "negative_slope must be a number, got None"),
        ({"negative_slope": True}, "negative_slope must be a number, got True"),
        ({"negative_slope": float("inf")}, "negative_slope must be any real number, got inf"),
    ],
)  # fmt: skip
def test_bad_parameter_values(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ActlasError) as caught:
        find("leaky_relu").bind(given)
    assert says in str(caught.value)


def test_bad_vectors_and_choices() -> None:
    pau = find("pau")
    for given, says in [({"num": 3.0}, "must be a sequence"), ({"num": "12"}, "must be a sequence"),
                        ({"version": "Q"}, "version must be one of")]:  # fmt: skip
        with pytest.raises(ActlasError, match=says):
            pau.bind(given)
