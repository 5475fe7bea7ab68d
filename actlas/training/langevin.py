"""Langevin and Layer Langevin optimisers: torch's SGD, RMSprop, Adam and Adadelta with noise.

Paper: Bras, "Langevin algorithms for very deep Neural Networks with application to image
classification", arXiv 2212.14718, sections 2 and 3. With the preconditioner P of the optimiser
(a diagonal), its drift m and independent standard normal numbers xi,

    theta <- theta - lr P m + sigma sqrt(lr) sqrt(P) xi.

SGD: P = 1. RMSprop: P = 1/(eps + sqrt(v)). Adam: P = 1/((1 - beta1^t)(eps + sqrt(v_hat))).
Adadelta: P = sqrt(u + eps)/sqrt(v + eps), where u averages the squares of the whole steps s, with
their learning rate and noise: s = -lr P g + noise, u <- rho u + (1 - rho) s^2.

Layer Langevin adds noise to some layers only. The paper's "deepest" layers are those nearest the
input. In PyTorch these are parameter groups: `layer_groups(model, deepest_layers(model, 0.3))`.

The drift is torch's own code, so sigma = 0 gives torch's numbers bit for bit. Adadelta is the
exception: torch leaves the learning rate out of u, and `scaled_delta=False` does as torch does.

Deviations:
    As in the published code, the term of the exact preconditioned dynamics that holds the
    derivative of P is left out.
    A parameter without a gradient in a step (None) gets no noise in it, as it gets no drift.
    Layers without parameters, which the published code counts, are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import SGD, Adadelta, Adam, Optimizer, RMSprop

from actlas.errors import ActlasError
from actlas.training._checks import not_negative
from actlas.training._random import normal_like

Group = dict[str, Any]
Preconditioner = float | Tensor


class Langevin(Optimizer):
    """What the four optimisers have in common: the noise, its random state, and its groups.

    Every parameter group has its own `sigma`. `state_dict` also holds the generator's state, so
    that a run that was saved goes on with the same numbers.
    """

    drift: ClassVar[type[Optimizer]]
    paper: ClassVar[Mapping[str, Any]]  # defaults of the published code where torch has others

    def __init__(
        self,
        params: Any,
        lr: float | None = None,
        sigma: float | None = None,
        *,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        if options.get("capturable") or options.get("differentiable"):
            raise ActlasError(f"{type(self).__name__} cannot be capturable or differentiable")
        chosen = {**self.paper, **options}
        usual = {"lr": chosen.pop("lr"), "sigma": chosen.pop("sigma")}
        sigma = not_negative(usual["sigma"] if sigma is None else sigma, "sigma")
        self.generator = generator
        options = {"lr": usual["lr"] if lr is None else lr, **chosen}
        super().__init__(params, **options)
        # A GradScaler leaves infinite gradients to torch's fused steps, which skip their own part
        # only; without this mark it skips the whole step, noise included.
        self._step_supports_amp_scaling = False
        self.defaults["sigma"] = sigma
        for group in self.param_groups:
            not_negative(group.setdefault("sigma", sigma), "sigma")

    def _preconditioner(self, parameter: Tensor, group: Group, past: Any) -> Preconditioner:
        """Return P of the step that was just made: a number, or a tensor like the parameter."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make torch's step, then add the noise; return what the closure returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        changed = [(parameter, group) for group in self.param_groups
                   if self._changes(group) for parameter in group["params"]
                   if parameter.grad is not None]  # fmt: skip
        before = [self._before(parameter, group) for parameter, group in changed]
        _without_hooks(self.drift)(self)
        for (parameter, group), past in zip(changed, before, strict=True):
            self._add_noise(parameter, group, past)
        return loss

    def _changes(self, group: Group) -> bool:
        """Return whether this group's step is more than torch's."""
        return not_negative(group["sigma"], "sigma") > 0

    def _before(self, parameter: Tensor, group: Group) -> Any:
        """Return what the noise needs from before torch's step."""

    def _add_noise(self, parameter: Tensor, group: Group, past: Any) -> Tensor | float:
        """Add sigma sqrt(lr) sqrt(P) xi to the parameter, and return it."""
        scale = self._preconditioner(parameter, group, past) ** 0.5
        noise: Tensor = normal_like(parameter, self.generator) * (
            scale * group["sigma"] * math.sqrt(float(group["lr"]))
        )
        parameter.add_(noise)
        return noise

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state and that of the generator."""
        state = self.generator.get_state() if self.generator else None
        return {**super().state_dict(), "generator": state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state, and the generator's where there is one on both sides.

        Options that the state lacks, such as sigma in one of torch's own optimisers, stay.
        """
        before = self.param_groups
        super().load_state_dict(state_dict)
        for group, had in zip(self.param_groups, before, strict=True):
            for option, value in had.items():
                group.setdefault(option, value)
        if self.generator is not None and state_dict.get("generator") is not None:
            self.generator.set_state(state_dict["generator"].cpu())

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "generator": self.generator}


def _without_hooks(kind: type[Optimizer]) -> Callable[..., Any]:
    """Return torch's step without the hooks around it, which run around ours already."""
    step: Any = kind.step
    return step.__wrapped__ if getattr(step, "hooked", False) else step  # type: ignore[no-any-return]


class LangevinSGD(Langevin, SGD):
    """torch.optim.SGD with noise sigma sqrt(lr) xi.

    Args:
        params: parameters or groups; a group may have a `sigma` of its own.
        lr: step size, above 0.
        sigma: standard deviation of the noise at lr = 1, from 0 up.
        generator: random state of the noise; None takes PyTorch's, which is not saved.
        options: those of torch.optim.SGD, such as momentum and weight_decay.

    Raises:
        ActlasError: for a sigma below 0, or a capturable or differentiable optimiser.

    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = LangevinSGD([weight], lr=0.1, sigma=0.0)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.data
    tensor([0.9000, 0.9000])
    """

    drift = SGD
    paper: ClassVar[Mapping[str, Any]] = {"lr": 5e-3, "sigma": 5e-3}

    def _preconditioner(self, parameter: Tensor, group: Group, past: Any) -> Preconditioner:
        """Return 1."""
        return 1.0


class LangevinRMSprop(Langevin, RMSprop):
    """torch.optim.RMSprop with preconditioned noise; arguments as `LangevinSGD`."""

    drift = RMSprop
    paper: ClassVar[Mapping[str, Any]] = {"lr": 5e-3, "sigma": 5e-3, "alpha": 0.9, "eps": 1e-6}

    def _preconditioner(self, parameter: Tensor, group: Group, past: Any) -> Preconditioner:
        """Return 1/(eps + sqrt(v)), with the variance as v in the centred form."""
        state = self.state[parameter]
        v = state["square_avg"]
        if group["centered"]:
            v = v.addcmul(state["grad_avg"], state["grad_avg"], value=-1)
        scale: Tensor = v.sqrt().add_(group["eps"])
        return scale.reciprocal_()


class LangevinAdam(Langevin, Adam):
    """torch.optim.Adam with preconditioned noise; arguments as `LangevinSGD`."""

    drift = Adam
    paper: ClassVar[Mapping[str, Any]] = {"lr": 5e-3, "sigma": 5e-3, "eps": 1e-6}

    def _preconditioner(self, parameter: Tensor, group: Group, past: Any) -> Preconditioner:
        """Return 1/((1 - beta1^t)(eps + sqrt(v_hat))); the first steps' noise is larger too."""
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        steps = float(state["step"])
        v = state["max_exp_avg_sq" if group["amsgrad"] else "exp_avg_sq"]
        scale: Tensor = (v / (1 - beta2**steps)).sqrt_().add_(group["eps"])
        return scale.mul_(1 - beta1**steps).reciprocal_()


class LangevinAdadelta(Langevin, Adadelta):
    """torch.optim.Adadelta with preconditioned noise.

    Args:
        params, lr, sigma, options: as `LangevinSGD`.
        scaled_delta: u remembers steps with their learning rate, as published, also where sigma is
            0; False leaves it out, as torch does. At lr = 1 both are the same.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = LangevinAdadelta([weight], lr=0.1, sigma=0.0)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> f"{optimizer.state[weight]['acc_delta'].item():.2e}"  # 0.05 (0.1 P)^2, P^2 = 2e-5
    '1.00e-08'
    """

    drift = Adadelta
    paper: ClassVar[Mapping[str, Any]] = {"lr": 0.1, "sigma": 5e-2, "rho": 0.95, "eps": 1e-6}

    def __init__(
        self,
        params: Any,
        lr: float | None = None,
        sigma: float | None = None,
        *,
        scaled_delta: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(params, lr, sigma, **options)
        self.defaults["scaled_delta"] = scaled_delta
        for group in self.param_groups:
            group.setdefault("scaled_delta", scaled_delta)

    def _changes(self, group: Group) -> bool:
        return super()._changes(group) or bool(group["scaled_delta"])

    def _preconditioner(self, parameter: Tensor, group: Group, past: Any) -> Preconditioner:
        """Return sqrt(u + eps)/sqrt(v + eps), with the u of before the step."""
        return _ratio(past[0], self.state[parameter]["square_avg"], group["eps"])

    def _before(self, parameter: Tensor, group: Group) -> tuple[Tensor, Tensor]:
        """Return u and the gradient that torch's step will use."""
        assert parameter.grad is not None
        gradient = -parameter.grad if group["maximize"] else parameter.grad
        gradient = gradient.add(parameter, alpha=group["weight_decay"])
        u = self.state[parameter].get("acc_delta")
        return (torch.zeros_like(parameter) if u is None else u.clone()), gradient

    def _add_noise(self, parameter: Tensor, group: Group, past: Any) -> Tensor | float:
        noise = super()._add_noise(parameter, group, past) if group["sigma"] else 0.0
        lr, (u, gradient) = float(group["lr"]), past
        unit = 1.0 if group["scaled_delta"] else lr
        if unit:
            drift = -lr * self._preconditioner(parameter, group, past) * gradient
            step = (drift + noise) / unit
            decayed = u.mul(group["rho"]).addcmul_(step, step, value=1 - group["rho"])
            self.state[parameter]["acc_delta"].copy_(decayed)
        return noise


def _ratio(u: Tensor, v: Tensor, eps: float) -> Tensor:
    return u.add(eps).sqrt_().div_(v.add(eps).sqrt_())
