"""Langevin and Layer Langevin optimisers: torch's SGD, RMSprop, Adam and Adadelta with noise.

Paper: Bras, "Langevin algorithms for very deep Neural Networks with application to image
classification", arXiv 2212.14718, sections 2 and 3. With the preconditioner P of the optimiser
(a diagonal), its drift m and independent standard normal numbers xi,

    theta <- theta - lr P m + sigma sqrt(lr) sqrt(P) xi.

SGD: P = 1. RMSprop: P = 1/(eps + sqrt(v)). Adam: P = 1/((1 - beta1^t)(eps + sqrt(v_hat))).
Adadelta: P = sqrt(u + eps)/sqrt(v + eps), and the noise is part of the step that u remembers.

Layer Langevin adds noise to some layers only. The paper's "deepest" layers are those nearest the
input. In PyTorch these are parameter groups: `layer_groups(model, deepest_layers(model, 0.3))`.

The drift is torch's own code, so sigma = 0 gives torch's numbers bit for bit.

Deviations:
    As in the published code, the term of the exact preconditioned dynamics that holds the
    derivative of P is left out.
    torch's Adadelta remembers steps without the learning rate, the published one with it; so
    does the noise here: u takes in the step divided by lr. At lr = 1 they are the same.
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
        noisy = [(parameter, group) for group in self.param_groups
                 if not_negative(group["sigma"], "sigma") for parameter in group["params"]
                 if parameter.grad is not None]  # fmt: skip
        before = [self._before(parameter, group) for parameter, group in noisy]
        _without_hooks(self.drift)(self)
        for (parameter, group), past in zip(noisy, before, strict=True):
            self._add_noise(parameter, group, past)
        return loss

    def _before(self, parameter: Tensor, group: Group) -> Any:
        """Return what the noise needs from before torch's step."""

    def _add_noise(self, parameter: Tensor, group: Group, past: Any) -> Tensor:
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
        """Take over a state, and the generator's where there is one on both sides."""
        super().load_state_dict(state_dict)
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
    """torch.optim.Adadelta with preconditioned noise; arguments as `LangevinSGD`."""

    drift = Adadelta
    paper: ClassVar[Mapping[str, Any]] = {"lr": 0.1, "sigma": 5e-2, "rho": 0.95, "eps": 1e-6}

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

    def _add_noise(self, parameter: Tensor, group: Group, past: Any) -> Tensor:
        noise, lr = super()._add_noise(parameter, group, past), float(group["lr"])
        if lr:  # what u remembers is the whole step, noise included
            u, gradient = past
            step = self._preconditioner(parameter, group, past) * gradient - noise / lr
            decayed = u.mul(group["rho"]).addcmul_(step, step, value=1 - group["rho"])
            self.state[parameter]["acc_delta"].copy_(decayed)
        return noise


def _ratio(u: Tensor, v: Tensor, eps: float) -> Tensor:
    return u.add(eps).sqrt_().div_(v.add(eps).sqrt_())
