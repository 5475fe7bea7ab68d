"""Parts of a study: every task under every recipe that the plan names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actlas.study.tasks import Task

# The keys of a plan that may hold several values, and how a value is said.
SAID = {
    "optimizer": "{}",
    "initialisation": "{} start",
    "schedule": "{} schedule",
    "length": "{} × the epochs",
}


@dataclass(frozen=True)
class Part:
    """One task under one recipe: tuned, run and judged by itself.

    `recipe` holds the keys of which the plan names several values, with the one of this part; it is
    empty where the plan names one recipe.
    """

    task: str
    recipe: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name by which people, files and `for_task` tell parts apart.

        >>> Part("digits", {"optimizer": "adamw", "initialisation": "framework"}).name
        'digits@adamw@framework'
        """
        return self.beside(self.task)

    def beside(self, task: str) -> str:
        """Return the name of the part where the task goes by another one."""
        return "@".join((task, *self.recipe.values()))

    @property
    def values(self) -> str:
        """The name of the recipe alone."""
        return "@".join(self.recipe.values())

    def titled(self, task: Task) -> Task:
        """Return the task under a title that names the recipe, too."""
        if not self.recipe:
            return task
        said = " and ".join(SAID[key].format(value) for key, value in self.recipe.items())
        return replace(task, title=f"{task.title} with {said}")


def crossed(task: str, values: Mapping[str, str | None]) -> Iterator[Part]:
    """Yield the parts of a task: all combinations of what there are several of.

    Args:
        task: its name.
        values: names with commas between them, by the keys of `SAID`.

    >>> [part.name for part in crossed("digits", {"optimizer": "sgd,adamw", "length": "1"})]
    ['digits@sgd', 'digits@adamw']
    """
    several = {key: names for key in SAID if len(names := (values.get(key) or "").split(",")) > 1}
    for one in product(*several.values()):
        yield Part(task, dict(zip(several, one, strict=True)))
