"""A user's own training program as a task: how it is called, what is read from what it prints.

The whole call is the name of the task, so that a run is described by its specification alone.
"""

from actlas.study.command.call import (
    Command,
    arguments,
    check_plan,
    folded,
    keys,
    need_no_network,
    unfolded,
)
from actlas.study.command.task import CommandTask, check_scores, command_task, files_of

__all__ = [
    "Command", "CommandTask", "arguments", "check_plan", "check_scores", "command_task",
    "files_of", "folded", "keys", "need_no_network", "unfolded",
]  # fmt: skip
