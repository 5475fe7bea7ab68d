"""The arms of a study: a function with its parameters, as named by the user."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from actlas.errors import ActlasError


@dataclass(frozen=True)
class Arm:
    """One contender: `label` is how the user named it; `twin` marks the noise floor's arm."""

    label: str
    name: str
    title: str
    parameters: tuple[tuple[str, Any], ...]
    formula: str
    status: str
    status_reason: str
    twin: bool = False


def parse_activation(text: str) -> tuple[str, dict[str, Any]]:
    """Split "name" or "name(parameter=value, ...)" in the name and its parameters.

    >>> parse_activation("leaky_relu(negative_slope=0.2)")
    ('leaky_relu', {'negative_slope': 0.2})
    """
    return parse_call(text, "activation", "leaky_relu(negative_slope=0.2)")


def parse_call(text: str, what: str, example: str) -> tuple[str, dict[str, Any]]:
    """Split "name(option=value, ...)" in name and options; `what` and `example` are for errors.

    >>> parse_call("vgg(depth=9)", "network", "vgg(depth=16)")
    ('vgg', {'depth': 9})
    """
    name, bracket, rest = text.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        call = ast.parse(f"_({rest}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        return name, {str(item.arg): ast.literal_eval(item.value) for item in call.keywords}
    except (SyntaxError, ValueError):
        raise ActlasError(
            f"cannot read the {what} {text!r}; write a name, or a name with parameters as in "
            f"{example}"
        ) from None


def split_activations(text: str) -> tuple[str, ...]:
    """Split a comma-separated list, leaving commas inside brackets alone.

    >>> split_activations("relu, pau(a=(1,2), b=3),gelu")
    ('relu', 'pau(a=(1,2), b=3)', 'gelu')
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(part.strip() for part in parts if part.strip())


def make_arm(text: str, *, twin: bool = False) -> Arm:
    """Return the arm for an activation; ActlasError if the name or a parameter is unknown."""
    import actlas
    from actlas.init import gain

    name, parameters = parse_activation(text)
    activation = actlas.get(name, **parameters)
    gain(name, **parameters)  # fails now, not in a worker, where there is none
    suffix = f"({', '.join(f'{key}={value}' for key, value in parameters.items())})"
    label = activation.name + (suffix if parameters else "")
    return Arm(
        label=f"{label} (A/A)" if twin else label,
        name=activation.name,
        title=activation.title + (suffix if parameters else ""),
        parameters=tuple(parameters.items()),
        formula=activation.latex,
        status=activation.status,
        status_reason=activation.status_reason,
        twin=twin,
    )


def _function_of(arm: Arm) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Return what an arm computes: a parameter that is given at its default changes nothing."""
    import actlas

    return arm.name, actlas.get(arm.name, **dict(arm.parameters)).values


def make_arms(activations: Sequence[str], reference: str) -> tuple[Arm, ...]:
    """Return the reference, its twin, and the other functions, each of them once."""
    first, twin = make_arm(reference), make_arm(reference, twin=True)
    named = [make_arm(text) for text in activations]
    functions = [_function_of(arm) for arm in named]
    for index, arm in enumerate(named):
        if functions[index] in functions[:index]:
            raise ActlasError(f"the activation {arm.label!r} is given twice")
    others = [arm for arm in named if _function_of(arm) != _function_of(first)]
    if not others:
        raise ActlasError(f"give at least one activation to compare with {first.label}")
    return (first, twin, *others)
