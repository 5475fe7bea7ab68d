"""The sources of the documentation site, put together from the repository.

    python -m actlas.docs.site . build/docs/source

What is in docs/ keeps its place. Whatever it links to outside comes along: other pages under
project/, code as pages under source/. A card for every function and a page for every public
package are generated. Nothing is written into docs/, so that its pages stay plain Markdown.
"""

from __future__ import annotations

from actlas.docs.site._assembly import assemble, gathered, generated

__all__ = ["assemble", "gathered", "generated"]
