"""What was run, and how to run it again: terms and texts for every form of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actlas.study.command import CommandTask
from actlas.study.experiment import networks_of
from actlas.study.judging import looks
from actlas.study.report.baselines import told
from actlas.study.report.search_sheet import searched
from actlas.study.store import FILE_NAME
from actlas.study.study_file import plan_text
from actlas.study.training import Recipe
from actlas.study.wording import listed, seeds_in_words

if TYPE_CHECKING:
    from actlas.study.plan import Plan
    from actlas.study.result import Result, TaskResult


def entries(result: Result) -> dict[str, str]:
    """Return the plan, the rules and the machine as terms and texts."""
    told = {**_plan(result), **_training(result), **_rules(result), **_machine(result)}
    if not any(isinstance(part.task, CommandTask) for part in result.parts):
        return told
    known = {term: text for term, text in told.items() if term not in _ITS_OWN}
    return {**known, "program": by_task(result, _program), "divergence": _FAILED}


_ITS_OWN = {"optimiser", "training", "start weights", "pairing", "selection"}  # of a program
_FAILED = (
    "a run that ends with an error, takes too long, or prints no finite score gets the worst score "
    "and stays in"
)


def _program(part: TaskResult) -> str:
    task = part.task
    return task.command.command if isinstance(task, CommandTask) else "trained by actlas"


def _plan(result: Result) -> dict[str, str]:
    plan = result.plan
    return {
        "task" if len(result.parts) == 1 else "tasks": "; ".join(
            f"{part.name}: {part.task.title}" for part in result.parts
        ),
        "functions": ", ".join(arm.label for arm in result.arms),
        "seeds": f"{seeds_in_words(plan)}: {', '.join(map(str, plan.seeds))}",
        **_splits(plan),
        "too small to matter": by_task(
            result, lambda part: f"{part.plan.practical_difference:g} {part.task.metric.unit}"
        ),
        "published score": by_task(result, told),
    }


def _splits(plan: Plan) -> dict[str, str]:
    if plan.splits == 1:
        return {}
    return {"splits": f"{plan.splits} cuts into training and validation, in turn; one test set"}


def _selection(result: TaskResult) -> str:
    judged = ", judged on the validation set" if result.plan.selection == "best epoch" else ""
    return f"the {result.plan.selection}{judged}"


def by_task(result: Result, say: Callable[[TaskResult], str]) -> str:
    """Return what is said of every part, once for all of which the same is said.

    Args:
        result: the study.
        say: gives the text for one part.
    """
    said: dict[str, list[str]] = {}
    for part in result.parts:
        said.setdefault(say(part), []).append(part.name)
    if len(said) == 1:
        return next(iter(said))
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in said.items())


def _training(result: Result) -> dict[str, str]:
    plan = result.plan
    clipped = f"gradients clipped at norm {plan.gradient_clip:g}" if plan.gradient_clip else ""
    return {
        **({} if _all_their_own(result) else {"network": by_task(result, _network)}),
        "optimiser": by_task(result, _optimiser) + (clipped and f"; {clipped}"),
        "training": f"{by_task(result, _length)}; {plan.warm_up:.0%} warm-up, then the rate is "
        + by_task(result, lambda part: part.plan.schedule),
        **_departures(result),
    }


def _all_their_own(result: Result) -> bool:
    """Return whether every network is the one of its task."""
    return all(networks_of(part.arms, part.plan) == [None] for part in result.parts)


def _network(part: TaskResult) -> str:
    """Return the network of the part, and where it does not hold."""
    shared = part.plan.network or "the task's own"
    named = list(dict.fromkeys(arm.network for arm in part.arms if arm.network))
    if not named:
        return shared
    rest = any(arm.network is None for arm in part.arms)
    return f"{listed(named)}, as named with the function" + f"; else {shared}" * rest


def _optimiser(part: TaskResult) -> str:
    around = "around " * (part.plan.search == "joint")
    return f"{part.plan.optimizer}, weight decay {around}{part.plan.weight_decay:g}"


def _length(part: TaskResult) -> str:
    return f"{part.plan.trained_epochs} epochs, batches of {part.plan.batch_size}"


def departures(result: Result) -> list[str]:
    """Return where the recipe is another one than the protocol's, as a published study may want."""
    found = {
        name: {getattr(part.plan, name): None for part in result.parts}  # in their order
        for name in Recipe.__dataclass_fields__
    }
    return [
        f"{name} = {listed(list(map(str, values)))}"
        for name, values in found.items()
        if getattr(Recipe, name) not in values
    ]


def _departures(result: Result) -> dict[str, str]:
    found = departures(result)
    return {"departs from the protocol": "; ".join(found)} if found else {}


def _rules(result: Result) -> dict[str, str]:
    return {
        "search": f"{by_task(result, _tuned)}; {len(result.plan.tuning_seeds)} seeds each, "
        "other ones than below; the best mean on the validation set is taken",
        "start weights": by_task(result, _start),
        "pairing": _pairing(result),
        "noise floor": "a second arm of the reference with numbers and a search of its "
        "own; the larger of its mean difference and of half its 95 % interval",
        "selection": f"{by_task(result, _selection)}; the test set is read once per run, after "
        "that",
        "divergence": "a run whose loss is not finite gets the worst score and stays in",
        "tests": _tests(result),
        **({} if result.across is None else {"over tasks": _OVER_TASKS}),
        **({} if result.interaction is None else {"over recipes": _OVER_RECIPES}),
    }


def _start(part: TaskResult) -> str:
    drawn = _START.get(part.plan.initialisation, part.plan.initialisation)
    alone = [arm.title for arm in part.arms if arm.is_network and not arm.twin]
    if not alone:
        return drawn
    made = f"{listed(alone)}: as the network itself draws them, by the rule of its paper"
    return made if all(arm.is_network for arm in part.arms) else f"{drawn}; {made}"


def _pairing(result: Result) -> str:
    if any(arm.network for arm in result.arms):
        return "for one seed, the same batches for all, and the same start numbers in one network"
    return "for one seed, the same start numbers and the same batches for every function"


_START = {
    Recipe.initialisation: "the same standard-normal numbers for every function, scaled by its "
    "gain 1/sqrt(E f(z)²) and by 1/sqrt(fan-in)",
    "standardised": "the same standard-normal numbers for every function, scaled by "
    "1/sqrt(fan-in); every function shifted and scaled, for good, to mean 0 and variance 1 for "
    "standard normal inputs",
}
_OVER_TASKS = (
    "hierarchical bootstrap (tasks, then seeds), Wilcoxon's signed-rank test on the tasks' means "
    "with Holm's correction, a Bayesian hierarchical model with one practical difference to each "
    "side as region of equivalence; a function is better only if all three agree and no task says "
    "the opposite"
)

_OVER_RECIPES = (
    "each is tuned, run and judged by itself; what a recipe changes is a difference of "
    "differences, seed by seed, with Student's t intervals that leave out 5 % over all changes of "
    "a task; over tasks, a task counts once, as the mean over its recipes"
)


def _tuned(part: TaskResult) -> str:
    tuning = part.table[0].tuning
    rates = searched(tuning)
    tried = f"{len(rates)} rates for every function, {listed([f'{rate:g}' for rate in rates])}"
    if part.plan.search == "joint":
        tried = (
            f"{len(rates)} quasi-random points for every function, rates from {min(rates):g} to "
            f"{max(rates):g}, each with a weight decay and, for functions with parameters of their "
            "own, a rate for these"
        )
    if not tuning.short:
        return tried
    return f"{tried}; short runs of all of them let {len(tuning.scores)} through to full length"


def _tests(result: Result) -> str:
    if result.plan.design == "adaptive":
        counts = [f"{rule.seeds}" for rule in looks(result.plan, len(result.arms) - 2)]
        return (
            f"Student's t intervals at the looks after {listed(counts)} seeds, each as strict as "
            "O'Brien-Fleming spending of 5 % over all functions and looks asks for; there "
            "are no p-values, since none would hold over all looks"
        )
    return (
        "Student's t intervals; two-sided sign-flip permutation test with Holm's "
        "correction; d is the paired effect size (mean / standard deviation); chances from the "
        "Bayesian t-test with the practical difference as region of equivalence"
    )


def _machine(result: Result) -> dict[str, str]:
    records = result.records
    record = records[-1]
    machine = record.machine
    machines = {tuple(sorted(other.machine.items())) for other in records}
    device = f"{machine['device']}; " if "device" in machine else ""
    others = f" (and {len(machines) - 1} more)" if len(machines) > 1 else ""
    seconds = sum(other.seconds for other in records)
    codes = dict.fromkeys(part.records[-1].spec.code for part in result.parts)
    return {
        "machine": f"{device}{machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}{others}",
        "versions": ", ".join(f"{name} {machine[name]}" for name in ("python", "torch", "numpy")),
        "computing time": f"{seconds:.0f} s in all, {seconds / len(records):.2f} s per run",
        "code": ", ".join(codes),
        "raw runs": f"{FILE_NAME}, next to this file: every run with scores, curves, seed and "
        "code hash; `actlas study export` writes them as JSON lines, CSV or Parquet",
    }


def study_file(result: Result) -> str:
    """Return the study file with every value filled in, as it was frozen."""
    return plan_text(result.plan)


def command(result: Result) -> str:
    """Return the command that repeats the study from that file."""
    needs_data = any(part.task.folder or part.task.download for part in result.parts)
    return "actlas study run study.toml --out out" + " --data-root DATA" * needs_data
