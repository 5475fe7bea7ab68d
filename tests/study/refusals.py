"""What is said where something is wrong: one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actlas.errors import ActlasError


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """Expect an ActlasError of one sentence that holds all these words."""
    with pytest.raises(ActlasError) as caught:
        yield
    sentence = str(caught.value)
    for said in words:
        assert said in sentence, sentence
    assert "\n" not in sentence, sentence
