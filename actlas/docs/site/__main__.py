"""`python -m actlas.docs.site REPOSITORY FOLDER` puts the sources of the site together."""

from __future__ import annotations

import argparse
import sys
import time

from actlas.docs.site import assemble
from actlas.errors import ActlasError


def main() -> int:
    """Write the sources; 0 if that went well, 2 with one sentence if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m actlas.docs.site", description=__doc__)
    parser.add_argument("repository", help="the folder that holds docs/ and README.md")
    parser.add_argument("folder", help="where the sources of the site go; made if it is not there")
    options = parser.parse_args()
    started = time.perf_counter()
    try:
        count = assemble(options.repository, options.folder)
    except ActlasError as error:
        print(f"actlas.docs.site: {error}", file=sys.stderr)
        return 2
    print(f"{count} pages and files of the site in {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
