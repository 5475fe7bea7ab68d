"""The tasks on which functions are compared: a network, data in three parts, and a metric.

Every module of this package registers its tasks by itself; a user's own task is named as
`module:attribute`. See `Task` for the protocol.
"""

from actlas.study.tasks._cuts import check_cuts, recut
from actlas.study.tasks._protocol import (
    ACCURACY,
    Data,
    Metric,
    NetworkFactory,
    Published,
    Selection,
    Split,
    Task,
)
from actlas.study.tasks._registry import (
    COMMAND,
    at_hand,
    built_in_tasks,
    download,
    find_task,
    load_data,
    register,
    task_file,
    task_names,
)

__all__ = [
    "ACCURACY", "COMMAND", "Data", "Metric", "NetworkFactory", "Published", "Selection", "Split",
    "Task", "at_hand", "built_in_tasks", "check_cuts", "download", "find_task", "load_data",
    "recut", "register", "task_file", "task_names",
]  # fmt: skip
