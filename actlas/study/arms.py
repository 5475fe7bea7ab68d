"""The arms of a study: a function with its parameters, maybe in a network of its own."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actlas.errors import ActlasError

# A network by itself starts as its paper says: its weights stay as its builder has drawn them.
AS_MADE: Mapping[str, Any] = {"initialisation": "framework", "start_bias": 0.0}
_IN = " in "


@dataclass(frozen=True)
class Arm:
    """One contender: `label` is how the user named it; `twin` marks the noise floor's arm.

    `network` is the one that the arm brings; None is the plan's, or the task's. An arm without a
    `name` is a network with the functions that it has of its own.
    """

    label: str
    name: str
    title: str
    parameters: tuple[tuple[str, Any], ...]
    formula: str
    status: str
    status_reason: str
    twin: bool = False
    network: str | None = None

    @property
    def is_network(self) -> bool:
        """Whether no function was named, but a network with functions of its own."""
        return not self.name

    @property
    def function(self) -> str:
        """The function alone, as `parse_activation` reads it; empty for a network by itself."""
        return called(self.name, dict(self.parameters))

    @property
    def brings(self) -> dict[str, Any]:
        """What its runs have in place of the plan's values, by the names of `RunSpec`."""
        own = {} if self.network is None else {"network": self.network}
        return {**own, **(AS_MADE if self.is_network else {})}


def parse_activation(text: str) -> tuple[str, dict[str, Any]]:
    """Split "name" or "name(parameter=value, ...)" in the name and its parameters.

    >>> parse_activation("leaky_relu(negative_slope=0.2)")
    ('leaky_relu', {'negative_slope': 0.2})
    """
    return parse_call(text, "activation", "leaky_relu(negative_slope=0.2)")


def parse_network(text: str) -> tuple[str, dict[str, Any]]:
    """Split "name" or "name(option=value, ...)" in the network's name and its options.

    >>> parse_network("mlp(hidden=(32,))")
    ('mlp', {'hidden': (32,)})
    """
    return parse_call(text, "network", "wide_resnet(depth=10, width=1)")


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


def called(name: str, options: Mapping[str, Any]) -> str:
    """Return what `parse_call` reads: the name, with its options in brackets.

    >>> called("mlp", {"hidden": (32,)}), called("relu", {})
    ('mlp(hidden=(32,))', 'relu')
    """
    inside = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"{name}({inside})" if inside else name


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


def split_network(text: str) -> tuple[str, str | None]:
    """Split "FUNCTION in NETWORK" in both; the second is None where no network is named.

    >>> split_network("relu in mlp(hidden=(96,))"), split_network("relu")
    (('relu', 'mlp(hidden=(96,))'), ('relu', None))
    """
    function, found, network = text.partition(_IN)
    return function.strip(), network.strip() if found else None


def make_arm(text: str, *, twin: bool = False) -> Arm:
    """Return the arm for "FUNCTION", "FUNCTION in NETWORK" or "NETWORK".

    Raises:
        ActlasError: for an unknown name or parameter, with the nearest one.
    """
    from actlas.study.networks.naming import is_function, is_ours, network_text, unknown

    function, network = split_network(text)
    name, parameters = parse_activation(function)
    if is_function(name):
        place = None if network is None else network_text(network)
        return _function_arm(name, parameters, place, twin)
    if network is None and is_ours(name):
        return _network_arm(name, parameters, twin)
    raise unknown(name, alone=network is None)


def _function_arm(name: str, parameters: dict[str, Any], network: str | None, twin: bool) -> Arm:
    import actlas
    from actlas.init import gain

    activation = actlas.get(name, **parameters)
    gain(name, **parameters)  # fails now, not in a worker, where there is none
    suffix = f"({', '.join(f'{key}={value}' for key, value in parameters.items())})" * bool(
        parameters
    )
    place = f"{_IN}{network}" if network else ""
    return Arm(
        label=f"{activation.name}{suffix}{place}{' (A/A)' * twin}",
        name=activation.name,
        title=f"{activation.title}{suffix}{place}",
        parameters=tuple(parameters.items()),
        formula=activation.latex,
        status=activation.status,
        status_reason=activation.status_reason,
        twin=twin,
        network=network,
    )


def _network_arm(name: str, options: dict[str, Any], twin: bool) -> Arm:
    from actlas.models import find_network
    from actlas.study.networks.naming import network_text

    text = network_text(called(name, options))
    return Arm(
        label=f"{text}{' (A/A)' * twin}",
        name="",
        title=called(find_network(name).title, options),
        parameters=(),
        formula="",
        status="verified",
        status_reason="",
        twin=twin,
        network=text,
    )


def _computed(arm: Arm, network: str | None = None) -> tuple[object, ...]:
    """Return what an arm computes: what is given at its default changes nothing.

    Args:
        arm: a function, or a network.
        network: that of the study, for arms that bring none.
    """
    import actlas
    from actlas.study.networks.naming import network_values

    values = () if arm.is_network else actlas.get(arm.name, **dict(arm.parameters)).values
    place = arm.network or network
    return arm.name, values, place and network_values(place)


def make_arms(activations: Sequence[str], reference: str) -> tuple[Arm, ...]:
    """Return the reference, its twin, and the other arms, each of them once."""
    first, twin = make_arm(reference), make_arm(reference, twin=True)
    named = [make_arm(text) for text in activations]
    need_different(named)
    others = [arm for arm in named if _computed(arm) != _computed(first)]
    if not others:
        raise ActlasError(f"give at least one activation to compare with {first.label}")
    return (first, twin, *others)


def need_different(arms: Sequence[Arm], network: str | None = None) -> None:
    """Raise ActlasError where two arms are the same function in the same network.

    Args:
        arms: without the reference's second arm.
        network: that of the study, for arms that bring none.
    """
    found: dict[tuple[object, ...], Arm] = {}
    for arm in arms:
        same = found.setdefault(_computed(arm, network), arm)
        if same is not arm:
            other = f", as {same.label!r}" * (same.label != arm.label)
            raise ActlasError(f"the activation {arm.label!r} is given twice{other}")
