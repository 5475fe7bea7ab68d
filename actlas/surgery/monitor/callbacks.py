"""A monitor as a callback of other people's training loops."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from actlas.errors import need_extra

if TYPE_CHECKING:
    from actlas.surgery.monitor.session import Monitor


def lightning_callback(watch: Monitor) -> Any:
    """Return a Lightning callback: a step is a training batch, figures go to the logger.

    They are logged as "site/figure" whenever Lightning logs (`log_every_n_steps`). The base is
    that of `pytorch_lightning` where only this package is in use, else that of `lightning`.
    """
    old = "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules
    home = need_extra("pytorch_lightning" if old else "lightning.pytorch", "lightning")

    class ActivationMonitor(home.Callback):  # type: ignore[misc, name-defined]
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            watch.start()

        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            watch.begin()

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            watch.end()
            if trainer.global_step % trainer.log_every_n_steps == 0:
                pl_module.log_dict(watch.report().values())

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            watch.stop()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            watch.stop()

    return ActivationMonitor()


def transformers_callback(watch: Monitor) -> Any:
    """Return a callback of the Hugging Face Trainer: a step is an optimiser's step.

    What the Trainer logs gets the figures as "site/figure", in `trainer.state.log_history` too.
    """
    home = need_extra("transformers", "hf")

    class ActivationMonitor(home.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            watch.start()

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            watch.begin()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            watch.end()

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            if not watch.watching or "loss" not in logs:
                return
            values = watch.report().values()
            logs.update(values)
            state.log_history[-1].update(values)

        def on_train_end(self, *_: Any, **__: Any) -> None:
            watch.stop()

    return ActivationMonitor()
