"""Published claims put to the test: a file for each, two recipes, kept runs, a verdict.

A claim is run as it was published, flaws included, and under the protocol of a comparison; where
the two verdicts differ, that is a result too.
"""

from actlas.study.claims.claim_file import SETTINGS, Claim, Setting, read_claim, read_claims
from actlas.study.claims.judging import Finding, judge, verdicts
from actlas.study.claims.keeping import RUNS, VERDICT, keep, kept_lines, kept_verdicts
from actlas.study.claims.running import run_claim

__all__ = [
    "RUNS", "SETTINGS", "VERDICT", "Claim", "Finding", "Setting", "judge", "keep", "kept_lines",
    "kept_verdicts", "read_claim", "read_claims", "run_claim", "verdicts",
]  # fmt: skip
