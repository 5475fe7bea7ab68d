"""Run claims and keep what comes of them.

    python -m actlas.study.claims studies/serf_over_mish.toml --setting fair

trains in `out/claims`, where it goes on after a stop, and keeps runs and verdicts in
`studies/results`; without a file it judges the kept runs anew. With `--larger --device cuda` it
runs the size for a GPU, and keeps it beside, in `studies/results-larger`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actlas.errors import ActlasError
from actlas.study.claims import SETTINGS, keep, kept_lines, read_claim, read_claims, run_claim
from actlas.study.claims.judging import verdicts
from actlas.study.claims.keeping import write_verdicts
from actlas.study.progress import progress_bars


def main() -> int:
    """Run what is named, judge everything; 0 if that went well, 2 with one sentence else."""
    parser = argparse.ArgumentParser(prog="python -m actlas.study.claims", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="claims to run")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="by default both")
    parser.add_argument("--studies", type=Path, default=Path("studies"), help="all claims")
    parser.add_argument("--work", type=Path, default=Path("out/claims"), help="for the studies")
    parser.add_argument("--data-root", type=Path, help="the folder with data sets")
    parser.add_argument("--workers", type=int, help="processes, one per core by default")
    parser.add_argument("--larger", action="store_true", help="the size for a GPU")
    parser.add_argument("--device", default="", help="where networks are trained, such as cuda")
    given = parser.parse_args()
    try:
        for path in given.files:
            _run(path, given)
        _judge(given)
    except ActlasError as error:
        print(f"actlas.study.claims: {error}", file=sys.stderr)
        return 2
    return 0


def _run(path: Path, given: argparse.Namespace) -> None:
    claim = read_claim(path, larger=given.larger, device=given.device)
    for setting in given.setting or SETTINGS:
        wanted = claim.setting(setting)
        if wanted.plan is None and wanted.measure is None:
            continue
        with progress_bars() as listener:
            work = _work(given)
            lines = run_claim(claim, setting, work, given.data_root, given.workers, listener)
        keep(_results(given), claim.name, setting, lines)
        print(f"{claim.name}, {setting}: {len(lines)} runs are kept")


def _work(given: argparse.Namespace) -> Path:
    work: Path = given.work
    return work / "larger" if given.larger else work


def _results(given: argparse.Namespace) -> Path:
    studies: Path = given.studies
    return studies / ("results-larger" if given.larger else "results")


def _judge(given: argparse.Namespace) -> None:
    lines = kept_lines(_results(given))
    claims = {claim.name: claim for claim in read_claims(given.studies)}
    if given.larger:  # those that have been run; the others may have no such size
        claims = {name: read_claim(given.studies / f"{name}.toml", larger=True) for name in lines}
    found = verdicts(claims, lines)
    write_verdicts(_results(given), found)
    for name, settings in found.items():
        for setting, findings in settings.items():
            for finding in findings:
                print(f"{name}, {setting}, {finding.against}: {finding.verdict}, {finding.reason}")


if __name__ == "__main__":
    sys.exit(main())
