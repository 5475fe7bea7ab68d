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
        work = _of_size(given.work, given)
        with progress_bars() as listener:
            lines = run_claim(claim, setting, work, given.data_root, given.workers, listener)
        keep(_of_size(given.studies / "results", given), claim.name, setting, lines)
        print(f"{claim.name}, {setting}: {len(lines)} runs are kept")


def _of_size(folder: Path, given: argparse.Namespace) -> Path:
    """Return the folder itself, or the one beside it for the size for a GPU."""
    return folder.with_name(f"{folder.name}-larger") if given.larger else folder


def _judge(given: argparse.Namespace) -> None:
    results = _of_size(given.studies / "results", given)
    lines = kept_lines(results)
    if given.larger:  # those that have been run; the others may have no such size
        read = [read_claim(given.studies / f"{name}.toml", larger=True) for name in lines]
    else:
        read = list(read_claims(given.studies))
    found = verdicts({claim.name: claim for claim in read}, lines)
    write_verdicts(results, found)
    for name, settings in found.items():
        for setting, findings in settings.items():
            for finding in findings:
                print(f"{name}, {setting}, {finding.against}: {finding.verdict}, {finding.reason}")


if __name__ == "__main__":
    sys.exit(main())
