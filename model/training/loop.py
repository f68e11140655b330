"""The training loop that all stages share: resumes, averages the weights, saves, logs."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from model.training.config import StageConfig
from model.training.run import Run

#: Share of the loss that is forgotten at each step, in what is shown of it.
FORGETTING = 0.02


@dataclass(frozen=True)
class Stage:
    """One stage of training: what is trained, and by which loss."""

    #: Under which name its state is kept.
    name: str
    config: StageConfig
    network: nn.Module
    #: The loss of a step, from the step's number.
    loss: Callable[[int], Tensor]
    #: Further figures for the log, from the averaged network.
    measure: Callable[[nn.Module], dict[str, float]] = lambda _: {}


class Training:
    """A stage under way: the network, its running average and the optimizer."""

    def __init__(self, run: Run, stage: Stage) -> None:
        self.run = run
        self.stage = stage
        self.average = copy.deepcopy(stage.network).requires_grad_(False)
        trainable = [parameter for parameter in stage.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trainable, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
        self.num_done = 0
        if state := run.load(stage.name):
            stage.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.num_done = state["step"]

    def go_on(self, device: torch.device, deadline: float) -> bool:
        """Trains until the stage or the time is over; returns whether the stage is complete."""
        config = self.stage.config
        if self.num_done >= config.num_steps:
            return True
        began, first, smooth = time.monotonic(), self.num_done, None
        for progress in self._progress(deadline):
            cost = self._step(device)
            smooth = cost if smooth is None else smooth + FORGETTING * (cost - smooth)
            if self.num_done % config.save_every == 0:
                rate = (self.num_done - first) * config.batch_size / (time.monotonic() - began)
                self._save()
                figures = {"loss": smooth, **self.stage.measure(self.average), "pictures_per_second": rate}
                self.run.log(self.stage.name, step=self.num_done, **figures)
                note = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                progress.update(progress.task_ids[0], note=note)
        self._save()
        return self.num_done >= config.num_steps

    def _step(self, device: torch.device) -> float:
        config = self.stage.config
        # All that is random in a step depends on the step alone: a resumed run goes on as it would have.
        torch.manual_seed((self.run.config.seed << 32) + self.num_done)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.num_done, config)
        with torch.autocast(device.type, torch.bfloat16):
            cost = self.stage.loss(self.num_done)
        cost.backward()
        torch.nn.utils.clip_grad_norm_(self.stage.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        update_average(self.average, self.stage.network, config.ema_decay, self.num_done)
        self.num_done += 1
        return cost.item()

    def _save(self) -> None:
        state = {
            "network": self.stage.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.num_done,
        }
        self.run.save(self.stage.name, state)

    def _progress(self, deadline: float) -> Iterator[Progress]:
        """Yields once for each step that is left, under a progress bar, until the deadline."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), refresh_per_second=1) as progress:
            total = self.stage.config.num_steps
            task = progress.add_task(self.stage.name, total=total, completed=self.num_done, note="")
            while self.num_done < total and time.monotonic() < deadline:
                yield progress
                progress.advance(task)


def learning_rate(step: int, stage: StageConfig) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    if step < stage.warmup_steps:
        return stage.learning_rate * (step + 1) / stage.warmup_steps
    done = (step - stage.warmup_steps) / max(1, stage.num_steps - stage.warmup_steps)
    return stage.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the network's; a short run forgets its start faster."""
    decay = min(decay, (step + 1) / (step + 10))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
