"""Modules made from catalogue entries: PyTorch's conventions, one class per entry."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from actlas.catalogue import Definition, Domain
from actlas.errors import ActlasError, nearest
from actlas.kernels import plans
from actlas.nn._apply import evaluate, evaluate_inplace, quick

_FACTORY: dict[str, Any] = {"device": None, "dtype": None}


class ElementwiseModule(nn.Module):
    """The base of every generated module; use the generated classes, `actlas.nn.Mish()`.

    Arguments are the function's parameters with the paper's defaults, then `inplace`. With
    learnable parameters also: `num_parameters` (1 or the number of channels), `channel_dim`,
    `learnable` (False keeps them constant and out of the state_dict), `device`, `dtype`.
    """

    entry: ClassVar[Definition]

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__()
        options = _bind(self.entry, args, given)
        self.inplace = bool(options.pop("inplace"))
        self.save = _check_save(self.entry, options.pop("save"), options)
        self.num_parameters = options.pop("num_parameters", 1)
        self.channel_dim = options.pop("channel_dim", 1)
        trains = options.pop("learnable", False)
        factory = {key: options.pop(key, None) for key in _FACTORY}
        self.initial = self.entry.bind(options)
        self._learned = {n: p.key for n, p in self.entry.parameters.items()
                         if p.learnable and trains}  # fmt: skip
        _check_count(self.entry, self.num_parameters)
        for name, value in self.initial.items():
            if name in self._learned:
                tensor = torch.empty(_size(value, self.num_parameters), **factory)
                self.register_parameter(self._learned[name], nn.Parameter(tensor))
            else:
                setattr(self, name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the learnable parameters back to their initial values."""
        for name, key in self._learned.items():
            parameter, value = getattr(self, key), self.initial[name]
            with torch.no_grad():
                start = torch.as_tensor(value, dtype=parameter.dtype, device=parameter.device)
                parameter.copy_(start.unsqueeze(-1).expand(parameter.shape))

    def parameter_values(self) -> dict[str, Any]:
        """Return every parameter of the function: tensors where learnable, else numbers."""
        values: dict[str, Any] = {}
        for name, parameter in self.entry.parameters.items():
            value = getattr(self, self._learned.get(name, name))
            if name in self._learned:
                value = _inside(value, parameter.domain)
                value = value.squeeze(-1) if parameter.is_vector else value
            values[name] = value
        return values

    def learned_values(self) -> dict[str, torch.Tensor]:
        """Return what acts of every learnable parameter, by its name in the state_dict.

        A stored value may have left the domain; the function then sees the nearest one inside.
        """
        values = self.parameter_values()
        return {key: values[name] for name, key in self._learned.items()}

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Apply the function elementwise; the shape and dtype of the input are kept."""
        if self.save is not None:
            with plans.saving(self.save):
                return self._evaluate(*inputs)
        return self._evaluate(*inputs)

    def _evaluate(self, *inputs: torch.Tensor) -> torch.Tensor:
        x = inputs[0]
        if len(inputs) == len(self.entry.inputs) and not self._learned and not self.inplace:
            y = quick(self.entry, inputs, tuple([getattr(self, n) for n in self.entry.parameters]))
            if y is not None:
                return y
        run = evaluate_inplace if self.inplace else evaluate
        if not self._has_channels(x):
            return run(self.entry, inputs, self.parameter_values())
        moved = (x.movedim(self.channel_dim, 1), *inputs[1:])
        y = run(self.entry, moved, self.parameter_values()).movedim(1, self.channel_dim)
        return x if self.inplace else y

    def _has_channels(self, x: torch.Tensor) -> bool:
        return self.num_parameters > 1 and self.channel_dim != 1 and x.ndim > 1

    def extra_repr(self) -> str:
        """Return the parameters in signature order, and inplace=True when set."""
        shown = [f"{name}={value!r}" for name, value in self.initial.items()]
        if self.num_parameters > 1:
            shown.insert(0, f"num_parameters={self.num_parameters}")
        plan = [] if self.save is None else [f"save={self.save!r}"]
        return ", ".join([*shown, *(["inplace=True"] if self.inplace else []), *plan])


def _bind(entry: Definition, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
    """Return all constructor options by name, as the class's signature says."""
    signature = module_signature(entry)
    single = [name for name, p in entry.parameters.items() if p.learnable]
    if "init" in given and len(single) == 1:  # torch.nn.PReLU's word for it
        given = {**given, single[0]: given["init"]}
        del given["init"]
    for name in given:
        if name not in signature.parameters:
            raise ActlasError(f"{entry.title}{signature} has no argument {name!r}."
                              f"{nearest(name, signature.parameters)}")  # fmt: skip
    try:
        bound = signature.bind(*args, **given)
    except TypeError as error:
        raise ActlasError(f"{entry.title}{signature}: {error}") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def module_signature(entry: Definition) -> inspect.Signature:
    """Return the constructor's signature: num_parameters first where PyTorch has it first."""
    learns = entry.learns
    constants: Mapping[str, Any] = {name: p.default for name, p in entry.parameters.items()}
    options = {"num_parameters": 1, **constants, "inplace": False} if learns else {
        **constants, "inplace": False}  # fmt: skip
    if learns:
        options |= {"channel_dim": 1, "learnable": True, **_FACTORY}
    options["save"] = None
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=value) for name, value in options.items()]
    )


def _check_save(entry: Definition, save: Any, values: Mapping[str, Any]) -> str | None:
    """Return the memory plan; refuse at once what is illegal for these parameters."""
    if save is None or plans.check_plan(save) == "input":
        return save  # type: ignore[no-any-return]
    if len(entry.inputs) == 1 and not values.get("learnable", False):
        given = {name: value for name, value in values.items() if name in entry.parameters}
        plans.check_legal(entry, save, given)
    return save  # type: ignore[no-any-return]


def _check_count(entry: Definition, count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ActlasError(f"{entry.title}: num_parameters must be an integer of 1 or more, "
                          f"got {count!r}")  # fmt: skip


def _size(value: Any, count: int) -> tuple[int, ...]:
    return (len(value), count) if isinstance(value, tuple) else (count,)


def _inside(value: torch.Tensor, domain: Domain) -> torch.Tensor:
    """Return the parameter moved to the nearest point of its domain, its gradient unchanged.

    A step of the optimiser may carry alpha > 0 to -0.01; the function then sees the border, and
    the next gradient can bring the parameter back, which a plain clamp would forbid.
    """
    if domain.low == -float("inf") and domain.high == float("inf"):
        return value
    margin = 1e-4 if domain.open else 0.0
    nearest_inside = value.detach().clamp(domain.low + margin, domain.high - margin)
    return value + (nearest_inside - value.detach())


def module_class(entry: Definition) -> type[ElementwiseModule]:
    """Return the nn.Module class of an entry, found by pickle as actlas.nn.<title>."""
    namespace = {
        "entry": entry, "__module__": "actlas.nn", "__qualname__": entry.title,
        "__doc__": _docstring(entry), "__signature__": module_signature(entry),
    }  # fmt: skip
    return type(entry.title, (ElementwiseModule,), namespace)


def _docstring(entry: Definition) -> str:
    lines = [entry.description, "", "Args:"]
    for name, p in entry.parameters.items():
        kind = "learnable, " if p.learnable else ""
        allowed = f"one of {', '.join(p.choices)}" if p.choices else p.domain.text
        lines.append(f"    {name}: {kind}{allowed}. Default: {p.default}")
    lines += [
        "    inplace: write the result into the input. Default: False",
        "    save: the memory plan, input, output or few-bit. Default: that of `actlas.saving`", "",
        "Shape:", "    input and output: any shape, the same.", "",
        f"Source: {entry.paper.short}{', ' + entry.paper.link if entry.paper.link else ''}.",
    ]  # fmt: skip
    return "\n".join(lines)
