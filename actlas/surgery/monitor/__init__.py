"""`actlas.monitor(model)`: what the activation functions of a model do while it trains.

    with actlas.monitor(model) as watch:
        train(model)
    print(watch.report())

Nothing is computed from whole tensors and nothing at most steps: every `every`-th step a few rows
of each site's input, output and gradient are copied, and looked at before the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from actlas.errors import ActlasError
from actlas.surgery.monitor.hooks import is_compiled
from actlas.surgery.monitor.session import Monitor
from actlas.surgery.monitor.settings import Log, Settings
from actlas.surgery.monitor.sites import Wanted, find_sites


def monitor(
    model: nn.Module,
    sites: Wanted | Iterable[Wanted] | None = None,
    *,
    every: int = 10,
    window: int = 20,
    sample: int = 2048,
    tolerance: float = 0.01,
    channel_dim: int | None = None,
    eager: bool = False,
    log: Log | None = None,
) -> Monitor:
    """Watch the activation functions of a model: dead, saturated, linear, moments, gradients.

    Use it as a context manager. A step is one forward pass of `model` in training mode with its
    backward pass, or what a `with watch.step():` encloses. The model's results stay the same bit
    for bit, and after the block no hook is left in it.

    Args:
        model: the module that is called once a step.
        sites: which modules to watch: names with * and ?, classes, modules, predicates of (name,
            module), or several of them. Default: the activation modules of actlas, torch.nn,
            transformers and timm.
        every: observe one step in so many.
        window: how many observations the figures are taken over.
        sample: about how many elements of a site are read in an observation.
        tolerance: what counts as near, as a part of the root mean square slope (see `Report`).
        channel_dim: the dimension of the channels; by default that of the layer before a site.
        eager: run the observed steps without torch.compile, which they then differ from by its
            rounding; needed for a compiled model, in whose graph no hook runs.
        log: called as log(step, values) after every observation.

    Raises:
        ActlasError: for a model without sites, a name that nothing answers to, a compiled model
            without eager=True, and settings outside their range.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    >>> _ = nn.init.constant_(model[0].bias, -9.0)  # so low that no input lifts it above 0
    >>> with monitor(model, every=1) as watch:
    ...     model(torch.ones(16, 4)).sum().backward()
    >>> [site] = watch.report().sites
    >>> site.site, site.function, site.channels, site.dead
    ('1', 'ReLU', 8, 1.0)
    """
    settings = Settings(every, window, sample, tolerance, eager, log)
    if not isinstance(model, nn.Module):
        raise ActlasError(f"monitor: expected a torch.nn.Module, got {type(model).__name__}")
    if is_compiled(model) and not eager:
        raise ActlasError(
            "monitor: hooks do not run inside a compiled graph; pass eager=True to run the "
            "observed steps uncompiled, or monitor the model before torch.compile"
        )
    if isinstance(model, nn.TransformerEncoderLayer):
        raise ActlasError(
            "monitor: a hook on nn.TransformerEncoderLayer itself would switch its fast path off; "
            "monitor the model around it"
        )
    return Monitor(model, find_sites(model, sites, channel_dim), settings)
