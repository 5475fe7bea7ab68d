"""Statistics of a comparison: pure functions on arrays, without torch.

Differences are oriented so that more is better. What draws random numbers takes a generator.
"""

from actlas.study.statistics._arrays import Numbers
from actlas.study.statistics.adaptive import Decision, Rule, judge, rules, sequential
from actlas.study.statistics.aggregates import (
    improvement_interval,
    improvement_over_tasks,
    in_units,
    interquartile_mean,
    iqm_over_tasks,
    mean_over_tasks,
    normalised,
    performance_profile,
    profile_band,
    stratified_interval,
)
from actlas.study.statistics.calibration import calibration_error
from actlas.study.statistics.claims import ClaimVerdict, claim_verdict
from actlas.study.statistics.intervals import (
    Interval,
    bootstrap_interval,
    hierarchical_interval,
    mean_interval,
)
from actlas.study.statistics.multiplicity import benjamini_hochberg, holm
from actlas.study.statistics.paired import (
    EXACT_UP_TO,
    FLIPS,
    SignedRank,
    cohen_dz,
    sign_flip_p,
    wilcoxon,
)
from actlas.study.statistics.planning import power, seeds_for, seeds_needed
from actlas.study.statistics.posterior import (
    Hierarchy,
    Posterior,
    bayesian_hierarchical,
    bayesian_signed_rank,
    correlated_t,
    normal_hierarchy,
)
from actlas.study.statistics.ranks import (
    Omnibus,
    Pair,
    average_ranks,
    cliques,
    friedman,
    nemenyi_distance,
    pairwise_wilcoxon,
)
from actlas.study.statistics.robustness import (
    Basin,
    JackKnife,
    basin,
    envelope,
    jack_knife,
    rank_correlation,
)
from actlas.study.statistics.spending import Look, boundaries
from actlas.study.statistics.unpaired import (
    Summary,
    TwoGroups,
    probability_of_improvement,
    summarise,
    two_groups,
)
from actlas.study.statistics.verdicts import Verdict, decide, noise_floor

__all__ = [
    "EXACT_UP_TO", "FLIPS", "Basin", "ClaimVerdict", "Decision", "Hierarchy", "Interval",
    "JackKnife", "Look", "Numbers", "Omnibus", "Pair", "Posterior", "Rule", "SignedRank",
    "Summary", "TwoGroups", "Verdict", "average_ranks", "basin", "bayesian_hierarchical",
    "bayesian_signed_rank", "benjamini_hochberg", "bootstrap_interval", "boundaries",
    "calibration_error", "claim_verdict", "cliques", "cohen_dz", "correlated_t", "decide",
    "envelope", "friedman", "hierarchical_interval", "holm", "improvement_interval",
    "improvement_over_tasks", "in_units", "interquartile_mean", "iqm_over_tasks", "jack_knife",
    "judge", "mean_interval", "mean_over_tasks", "nemenyi_distance", "noise_floor",
    "normal_hierarchy", "normalised", "pairwise_wilcoxon", "performance_profile", "power",
    "probability_of_improvement", "profile_band", "rank_correlation", "rules", "seeds_for",
    "seeds_needed", "sequential", "sign_flip_p", "stratified_interval", "summarise",
    "two_groups", "wilcoxon",
]  # fmt: skip
