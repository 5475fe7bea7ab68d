"""The transfer protocol of Kornblith et al., first part: fixed features.

Paper: Kornblith, Shlens and Le, "Do Better ImageNet Models Transfer Better?", CVPR 2019,
arXiv 1805.08974; the grid as restated in SimCLR's appendix. Penultimate activations are taken
without augmentation; a multinomial logistic regression with an L2 penalty is fitted by L-BFGS
with a warm start; the penalty is chosen on the validation set from 45 values, 1e-6 to 1e5; then
it is fitted again on training and validation data, and the test set is read once.

`fine_tuning.py` is the second and third part, `transfer_statistics.py` compares networks.

Deviations:
    scikit-learn's penalty acts on the sum of the losses, C = 1/penalty; the paper does not say
    whether its own acts on the sum or the mean.
    The penalties are tried from the largest down, so that each fit starts from an easier one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError, need_extra

Array = npt.NDArray[Any]
Examples = tuple[Array, Array]  # features (N, D) and labels (N,)
Metric = Callable[[Array, Array], float]


def log_spaced(low: float, high: float, count: int) -> tuple[float, ...]:
    """Return `count` numbers from low to high, each the same multiple of the one before.

    >>> log_spaced(1.0, 100.0, 3)
    (1.0, 10.0, 100.0)
    """
    return tuple(float(value) for value in np.logspace(math.log10(low), math.log10(high), count))


PENALTIES = log_spaced(1e-6, 1e5, 45)


def top_1(labels: Array, predictions: Array) -> float:
    """Return the part of right predictions.

    >>> top_1(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.75
    """
    return float(np.mean(labels == predictions))


def mean_per_class(labels: Array, predictions: Array) -> float:
    """Return the mean over classes of the part of right predictions in the class.

    The paper's metric for Aircraft, Pets, Caltech-101 and Flowers.

    >>> mean_per_class(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    right = [np.mean(predictions[labels == label] == label) for label in np.unique(labels)]
    return float(np.mean(right))


@dataclass(frozen=True)
class Chosen:
    """The choice on the validation set, and the accuracy on the test set.

    `choice` is the penalty, or (learning rate, weight decay); `validation` has the accuracy of
    every value tried, in the order of the grid.
    """

    choice: Any
    validation: tuple[float, ...]
    accuracy: float
    converged: bool = True


def extract_features(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Examples:
    """Return what a model without its head gives for every example, and the labels.

    Args:
        model: a network that ends in its penultimate activations; it is run in evaluation mode
            and comes back in the mode it was in.
        batches: (inputs, labels), without augmentation.

    >>> x, y = extract_features(nn.Flatten(), [(torch.ones(2, 1, 2, 2), torch.tensor([0, 1]))])
    >>> x.shape, y.tolist()
    ((2, 4), [0, 1])
    """
    features, labels = [], []
    for output, label in outputs_of(model, batches):
        features.append(output.flatten(1).float().cpu().numpy())
        labels.append(label.cpu().numpy())
    return np.concatenate(features), np.concatenate(labels)


def outputs_of(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """Return (output, labels) of every batch in evaluation mode; the model keeps its mode."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            return [(model(x), y) for x, y in batches]
    finally:
        for module, was in training.items():
            module.training = was


def fixed_features(
    train: Examples,
    validation: Examples,
    test: Examples,
    *,
    penalties: Sequence[float] = PENALTIES,
    metric: Metric = top_1,
    iterations: int = 5000,
) -> Chosen:
    """Return the test accuracy of logistic regression on features, the penalty being chosen.

    Args:
        train, validation, test: features (N, D) and labels (N,).
        penalties: weights of the squared norm beside the sum of the losses, above 0.
        metric: metric(labels, predictions), the larger the better.
        iterations: the most steps of L-BFGS for a fit.

    Raises:
        ActlasError: for a penalty of 0 or below, or without scikit-learn.

    Source: Kornblith et al. 2019, appendix on fixed features.
    """
    if not penalties or min(penalties) <= 0:
        raise ActlasError(f"penalties must be above 0, at least one, got {tuple(penalties)!r}")
    order = sorted(range(len(penalties)), key=lambda i: -penalties[i])
    model, found = _regression(iterations), [0.0] * len(penalties)
    for index in order:
        _fit(model, penalties[index], train)
        found[index] = metric(validation[1], model.predict(validation[0]))
    best = max(reversed(order), key=lambda i: found[i])  # of equals the smallest penalty
    both = (np.concatenate([train[0], validation[0]]), np.concatenate([train[1], validation[1]]))
    final = _regression(iterations)
    converged = _fit(final, penalties[best], both)
    accuracy = metric(test[1], final.predict(test[0]))
    return Chosen(penalties[best], tuple(found), accuracy, converged)


def _regression(iterations: int) -> Any:
    linear = need_extra("sklearn.linear_model", "study")
    return linear.LogisticRegression(solver="lbfgs", warm_start=True, max_iter=iterations)


def _fit(model: Any, penalty: float, examples: Examples) -> bool:
    """Fit, and return whether L-BFGS came to an end."""
    model.C = 1 / penalty
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=need_extra(
            "sklearn.exceptions", "study").ConvergenceWarning)  # fmt: skip
        model.fit(*examples)
    return bool(max(model.n_iter_) < model.max_iter)
