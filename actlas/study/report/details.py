"""What was run, and what the study cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlas.study.judging import looks
from actlas.study.report.markup import Markup, element, join
from actlas.study.statistics import seeds_needed
from actlas.study.store import FILE_NAME
from actlas.study.training.optimizers import WARM_UP
from actlas.study.wording import listed, seeds_in_words

if TYPE_CHECKING:
    from actlas.study.comparison import Result


def provenance(result: Result) -> Markup:
    """Return the plan, the rules and the machine as a list of terms."""
    entries = {**_plan(result), **_rules(result), **_machine(result)}
    terms = (join(element("dt", name), element("dd", text)) for name, text in entries.items())
    return element("dl", *(element("div", term) for term in terms), class_="plan")


def _plan(result: Result) -> dict[str, str]:
    plan, task = result.plan, result.task
    return {
        "task": f"{plan.task}: {task.title}",
        **({"network": plan.network} if plan.network else {}),
        "functions": ", ".join(arm.label for arm in result.arms),
        "optimiser": f"{plan.optimizer}, weight decay {plan.weight_decay:g}, gradients clipped at "
        f"norm {plan.gradient_clip:g}",
        "training": f"{plan.epochs} epochs, batches of {plan.batch_size}, {WARM_UP:.0%} warm-up, "
        "cosine decay",
        "seeds": f"{seeds_in_words(plan)}: {', '.join(map(str, plan.seeds))}",
    }


def _rules(result: Result) -> dict[str, str]:
    tuning = result.table[0].tuning
    tuned = f"{len(tuning.scores)} rates for every function, {_rates(result)}"
    return {
        "learning rate": f"{tuned}; {len(result.plan.tuning_seeds)} seeds each, other ones than "
        "below; the best mean on the validation set is taken",
        "start weights": "the same standard-normal numbers for every function, scaled by its gain "
        "1/sqrt(E f(z)²) and by 1/sqrt(fan-in)",
        "pairing": "for one seed, the same start numbers and the same batches for every function",
        "noise floor": "a second arm of the reference with numbers of its own, learning-rate "
        "search included; the larger of its mean difference and of half its 95 % interval",
        "selection": "the epoch that is best on the validation set; the test set is read once "
        "per run, after that",
        "divergence": "a run whose loss is not finite gets the worst score and stays in",
        "tests": _tests(result),
    }


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
        "correction; d is the paired effect size (mean / standard deviation)"
    )


def _rates(result: Result) -> str:
    return listed([f"{rate:g}" for rate in result.table[0].tuning.scores])


def _machine(result: Result) -> dict[str, str]:
    record = result.records[-1]
    machine = record.machine
    machines = {tuple(sorted(other.machine.items())) for other in result.records}
    others = f" (and {len(machines) - 1} more)" if len(machines) > 1 else ""
    seconds = sum(other.seconds for other in result.records)
    return {
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['system']}{others}",
        "versions": ", ".join(f"{name} {machine[name]}" for name in ("python", "torch", "numpy")),
        "computing time": f"{seconds:.0f} s in all, {seconds / len(result.records):.2f} s per run",
        "code": record.spec.code,
        "raw runs": f"{FILE_NAME}, next to this file: every run with scores, curves, seed and "
        "code hash; `actlas study export` writes them as JSON lines, CSV or Parquet",
    }


def limits(result: Result) -> Markup:
    """Return what may not be concluded, from the task and from the plan."""
    return element("ul", *(element("li", text) for text in caveats(result)), class_="limits")


def _changes(result: Result) -> list[str]:
    if not result.changes:
        return []
    counts = listed([f"{count}" for count in result.changes])
    return [
        f"The plan was changed after {counts} runs, so not everything was fixed in advance; "
        f"{FILE_NAME} keeps every plan."
    ]


def caveats(result: Result) -> list[str]:
    """Return the sentences of `limits`, the task's own first."""
    plan = result.plan
    comparisons = len(result.arms) - 2
    needed = seeds_needed(comparisons)
    notes = [
        *_changes(result),
        *result.task.network_limits,
        *result.task.limits,
        f"One network, one optimiser ({plan.optimizer}) and one schedule: another may give another "
        "order.",
        "All start weights are scaled by each function's gain; with a framework's default start "
        "the order may be another.",
        "Time and memory are not compared.",
        '"Undecided" is not "equal": more seeds can decide it.',
    ]
    if plan.design == "adaptive":
        notes.append(
            "Seeds were added until the intervals decided; their error holds over all looks, but "
            "a difference that stopped a function early is, on average, a little too large."
        )
    elif len(plan.seeds) < needed:
        notes.append(
            f"With {len(plan.seeds)} seeds and {comparisons} comparisons the corrected test cannot "
            f"reach 0.05, so no function can be called better or worse; {needed} seeds could."
        )
    notes += [
        f"{row.arm.title}: the best learning rate is the {row.tuning.edge} one tried; a better one "
        "may lie outside the grid."
        for row in result.table
        if row.tuning.edge
    ]
    return notes + [
        f"{arm.title} is reconstructed, not checked against a primary source: {arm.status_reason}"
        for arm in result.arms
        if arm.status != "verified" and not arm.twin
    ]
