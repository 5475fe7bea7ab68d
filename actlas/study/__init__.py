"""Floor 8: which activation function should I use? Tasks, runs, statistics and the report."""

from actlas.study.arms import split_activations
from actlas.study.comparison import StudyInterrupted, compare, run_plan
from actlas.study.networks import build_network
from actlas.study.plan import Plan, make_plan, read_plan
from actlas.study.progress import Progress, progress_bars
from actlas.study.result import Result, TaskResult
from actlas.study.statistics import Verdict
from actlas.study.table import render_across, render_interaction, render_table
from actlas.study.tasks import (
    ACCURACY,
    Data,
    Metric,
    Published,
    Split,
    Task,
    download,
    find_task,
    task_names,
)

__all__ = [
    "ACCURACY", "Data", "Metric", "Plan", "Progress", "Published", "Result", "Split",
    "StudyInterrupted", "Task", "TaskResult", "Verdict", "build_network", "compare", "download",
    "find_task", "make_plan", "progress_bars", "read_plan", "render_across", "render_interaction",
    "render_table", "run_plan", "split_activations", "task_names",
]  # fmt: skip
