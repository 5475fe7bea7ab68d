"""Bayesian comparisons with a region of practical equivalence (ROPE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from actlas.errors import ActlasError
from actlas.study.statistics._arrays import Array, Numbers, sample, special

DRAWS = 20_000


@dataclass(frozen=True)
class Posterior:
    """The chances that a function is worse, practically equivalent, or better; their sum is 1."""

    worse: float
    equivalent: float
    better: float


def bayesian_signed_rank(
    differences: Numbers,
    rope: float,
    generator: np.random.Generator,
    prior: float = 1.0,
    draws: int = DRAWS,
) -> Posterior:
    """Return the Bayesian version of Wilcoxon's test, for differences over tasks.

    The distribution of the differences has a Dirichlet process prior with weight `prior` at 0.
    Each draw of weights w gives the three chances sum w_i w_j [(d_i + d_j)/2 in a region]; the
    posterior is how often each region has the largest one. (Benavoli et al., 2014, A Bayesian
    Wilcoxon signed-rank test based on the Dirichlet process, ICML.)

    Args:
        differences: one for each task, more is better.
        rope: half the width of the region of practical equivalence, at least 0.
        generator: draws the weights.
        prior: the weight of the pseudo-observation at 0, above 0.
        draws: how many weights are drawn.

    >>> found = bayesian_signed_rank([1.0, 1.5, 2.0, 0.9], 0.3, np.random.default_rng(0))
    >>> found.better > 0.95
    True
    """
    array = np.concatenate([[0.0], sample(differences)])
    _checked(rope)
    sums = array[:, None] + array[None, :]
    better, worse = _beyond(sums, 2 * rope), _beyond(-sums, 2 * rope)
    weights = generator.dirichlet([prior, *np.ones(len(array) - 1)], draws)
    chances = np.stack(
        [np.einsum("di,ij,dj->d", weights, region, weights, optimize=True)
         for region in (worse, 1 - worse - better, better)]
    )  # fmt: skip
    shares = np.bincount(chances.argmax(axis=0), minlength=3) / draws
    return Posterior(*(float(part) for part in shares))


def _beyond(values: Array, limit: float) -> Array:
    """Return 1 above the limit, 1/2 on it, else 0."""
    steps: Array = (values > limit) + 0.5 * (values == limit)
    return steps


def correlated_t(differences: Numbers, rope: float, correlation: float = 0.0) -> Posterior:
    """Return the Bayesian correlated t-test, for the seeds of one task.

    The mean difference is t-distributed about m with n - 1 degrees of freedom and the scale
    s sqrt(1/n + ρ/(1-ρ)). (Nadeau and Bengio, 2003; Corani and Benavoli, 2015, Machine Learning
    100.)

    Args:
        differences: one for each seed, more is better; at least two.
        rope: half the width of the region of practical equivalence, at least 0.
        correlation: between two runs, from 0 up to 1 (excluded): 0 for fresh seeds on one split,
            the share of test data for cross-validation.

    >>> found = correlated_t([0.5, 0.7, 0.6, 0.9], rope=0.3)
    >>> round(found.better, 3), round(found.equivalent, 3)
    (0.989, 0.01)
    """
    array = sample(differences, at_least=2)
    _checked(rope)
    if not 0.0 <= correlation < 1.0:
        raise ActlasError(f"correlation must be at least 0 and below 1, got {correlation}")
    mean, count = float(array.mean()), len(array)
    scale = float(array.std(ddof=1)) * math.sqrt(1 / count + correlation / (1 - correlation))
    if scale == 0:
        return Posterior(float(mean < -rope), float(-rope <= mean <= rope), float(mean > rope))
    stdtr = special().stdtr
    worse = float(stdtr(count - 1, (-rope - mean) / scale))
    better = float(stdtr(count - 1, (mean - rope) / scale))
    return Posterior(worse, 1 - worse - better, better)


@dataclass(frozen=True)
class Hierarchy:
    """What the hierarchical model says of a new task and of the tasks that were run.

    `next_task` is the posterior of a task like these; `typical` and `spread` are draws of the
    mean over tasks and of the deviation between tasks; `tasks` are draws x tasks of the true
    differences, shrunk towards the mean.
    """

    next_task: Posterior
    typical: Array
    spread: Array
    tasks: Array


def bayesian_hierarchical(
    groups: Sequence[Numbers],
    rope: float,
    generator: np.random.Generator,
    correlation: float = 0.0,
    draws: int = DRAWS,
) -> Hierarchy:
    """Return the hierarchical model of several tasks with several seeds each.

    The mean difference of task i has the error s_i sqrt(1/n + ρ/(1-ρ)); the true differences are
    normal about a common mean, with flat priors on mean and deviation. (Corani et al., 2017,
    Machine Learning 106, for the model; Gelman et al., Bayesian Data Analysis, 3rd edition,
    section 5.4, for the computation, which is exact and needs no Markov chain.)
    Deviations: Corani et al. take Student's t between tasks and put priors on each s_i.

    Args:
        groups: for each of at least 3 tasks the differences of at least 2 seeds.
        rope: half the width of the region of practical equivalence, at least 0.
        generator: draws from the posterior.
        correlation: between two runs of a task, from 0 up to 1 (excluded).
        draws: how many draws.

    >>> tasks = [[0.9, 1.1], [1.0, 1.2], [0.8, 1.0], [1.0, 1.1]]
    >>> bayesian_hierarchical(tasks, 0.3, np.random.default_rng(0)).next_task.better > 0.9
    True
    """
    arrays = [sample(group, at_least=2) for group in groups]
    means = np.array([array.mean() for array in arrays])
    factor = [math.sqrt(1 / len(array) + correlation / (1 - correlation)) for array in arrays]
    errors = np.array([array.std(ddof=1) for array in arrays]) * factor
    return normal_hierarchy(means, errors, rope, generator, draws)


def normal_hierarchy(
    means: Numbers, errors: Numbers, rope: float, generator: np.random.Generator, draws: int = DRAWS
) -> Hierarchy:
    """Return the hierarchical model from the tasks' mean differences and their standard errors.

    Args:
        means: one for each of at least 3 tasks, more is better.
        errors: the standard error of each, at least 0.
        rope, generator, draws: as in `bayesian_hierarchical`.
    """
    mean, error = sample(means, at_least=3), sample(errors, at_least=3)
    _checked(rope)
    scale = float(mean.std() + error.max()) or 1.0
    variances = np.maximum(error, 1e-6 * scale) ** 2
    spreads = scale * np.linspace(5e-4, 20, 4000)
    spread = generator.choice(spreads, size=draws, p=_spread_chances(spreads, mean, variances))
    precision = 1 / (variances + spread[:, None] ** 2)
    certainty = precision.sum(axis=1)
    centre = (precision * mean).sum(axis=1) / certainty
    typical = generator.normal(centre, certainty**-0.5)
    pull = 1 / (1 + variances / spread[:, None] ** 2)
    shrunk = pull * mean + (1 - pull) * typical[:, None]
    tasks = generator.normal(shrunk, np.sqrt(pull * variances))
    return Hierarchy(_regions(generator.normal(typical, spread), rope), typical, spread, tasks)


def _spread_chances(spreads: Array, mean: Array, variances: Array) -> Array:
    """Return p(τ | data) on a grid, the common mean integrated out (equation 5.21)."""
    precision = 1 / (variances + spreads[:, None] ** 2)
    certainty = precision.sum(axis=1)
    centre = (precision * mean).sum(axis=1) / certainty
    misfit = (precision * (mean - centre[:, None]) ** 2).sum(axis=1)
    logs = (np.log(precision).sum(axis=1) - np.log(certainty) - misfit) / 2
    chances = np.exp(logs - logs.max())
    normalised: Array = chances / chances.sum()
    return normalised


def _regions(values: Array, rope: float) -> Posterior:
    worse, better = float(np.mean(values < -rope)), float(np.mean(values > rope))
    return Posterior(worse, 1 - worse - better, better)


def _checked(rope: float) -> None:
    if not rope >= 0:
        raise ActlasError(f"rope must be at least 0, got {rope}")
