"""`python -m actlas.facts.proofs` proves the facts of the catalogue and writes them down.

Only what is new or changed is proved; with --afresh it is everything, about a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from actlas.errors import ActlasError
from actlas.facts.proofs.certificate import FOLDER
from actlas.facts.proofs.proving import write_all


def main() -> int:
    """Write the certificates beside this file, or into the folder given; 2 if it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.facts.proofs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).with_name(FOLDER))
    parser.add_argument("--afresh", action="store_true", help="prove everything again")
    asked = parser.parse_args()
    folder: Path = asked.folder
    started = time.perf_counter()
    try:
        claims, proved = write_all(folder, afresh=asked.afresh)
    except (ActlasError, OSError) as error:
        print(f"actlas.facts.proofs: {error}", file=sys.stderr)
        return 2
    print(f"{proved} of {claims} facts proved in {time.perf_counter() - started:.0f} s: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
