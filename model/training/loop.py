"""The training loop that all stages share: resumes, averages the weights, saves, logs."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from model.training.config import StageConfig
from model.training.run import Run

#: Share of the loss that is forgotten at each step, in what is shown of it.
FORGETTING = 0.02


@dataclass(frozen=True)
class Critic:
    """An adversary of the network, trained one step after each of the network's steps."""

    network: nn.Module
    learning_rate: float
    #: Its loss, on what the network has made at the same step.
    loss: Callable[[], Tensor]


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
    critic: Critic | None = None
    #: Parts of the network that are compiled on a GPU.
    compiled: tuple[nn.Module, ...] = ()


class Diverged(ValueError):
    """The loss is no number any more."""


class Training:
    """A stage under way: the network, its running average and the optimizers."""

    def __init__(self, run: Run, stage: Stage) -> None:
        self.run = run
        self.stage = stage
        self.average = copy.deepcopy(stage.network).requires_grad_(False)
        self.optimizer = _optimizer(stage.network)
        self.critic_optimizer = _optimizer(stage.critic.network) if stage.critic else None
        self.num_done = 0
        if state := run.load(stage.name):
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.num_done = state["step"]

    def go_on(self, device: torch.device, deadline: float) -> bool:
        """Trains until the stage or the time is over; returns whether the stage is complete."""
        config = self.stage.config
        if self.num_done >= config.num_steps:
            return True
        if device.type == "cuda":
            for module in self.stage.compiled:
                module.compile()
        began, first = time.monotonic(), self.num_done
        smooth: dict[str, float] = {}
        for progress in self._progress(deadline):
            for name, cost in self._step(device).items():
                smooth[name] = smooth.get(name, cost) + FORGETTING * (cost - smooth.get(name, cost))
            if self.num_done % config.save_every == 0 or self.num_done == config.num_steps:
                rate = (self.num_done - first) * config.batch_size / (time.monotonic() - began)
                self._save()
                figures = {**smooth, **self.stage.measure(self.average), "pictures_per_second": rate}
                self.run.log(self.stage.name, step=self.num_done, **figures)
                note = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                progress.update(progress.task_ids[0], note=note)
        self._save()
        return self.num_done >= config.num_steps

    def _step(self, device: torch.device) -> dict[str, float]:
        stage, config = self.stage, self.stage.config
        # All that is random in a step depends on the step alone: a resumed run goes on as it would have.
        torch.manual_seed((self.run.config.data.seed << 32) + self.num_done)
        rate = learning_rate(self.num_done, config)
        costs = {"loss": self._descend(stage.network, stage.loss, self.optimizer, rate, device)}
        if stage.critic and self.critic_optimizer:
            critic, rate = stage.critic, stage.critic.learning_rate * rate / config.learning_rate
            costs["critic_loss"] = self._descend(
                critic.network, lambda _: critic.loss(), self.critic_optimizer, rate, device
            )
        update_average(self.average, stage.network, config.ema_decay, self.num_done)
        self.num_done += 1
        return costs

    def _descend(
        self,
        network: nn.Module,
        loss: Callable[[int], Tensor],
        optimizer: torch.optim.Optimizer,
        rate: float,
        device: torch.device,
    ) -> float:
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, torch.bfloat16):
            cost = loss(self.num_done)
        value = cost.item()
        if not math.isfinite(value):
            name, step = self.stage.name, self.num_done
            raise Diverged(f"{name}: the loss is {value} at step {step}; the last save is kept")
        optimizer.zero_grad(set_to_none=True)
        cost.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return value

    def _save(self) -> None:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        self.run.save(self.stage.name, {**parts, "step": self.num_done})

    def _parts(self) -> dict[str, Any]:
        """All that has a state, by the name under which it is saved."""
        parts = {"network": self.stage.network, "average": self.average, "optimizer": self.optimizer}
        if self.stage.critic and self.critic_optimizer:
            parts |= {"critic": self.stage.critic.network, "critic_optimizer": self.critic_optimizer}
        return parts

    def _progress(self, deadline: float) -> Iterator[Progress]:
        """Yields once for each step that is left, under a progress bar, until the deadline."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.fields[note]}"), refresh_per_second=1) as progress:
            total = self.stage.config.num_steps
            task = progress.add_task(self.stage.name, total=total, completed=self.num_done, note="")
            while self.num_done < total and time.monotonic() < deadline:
                yield progress
                progress.advance(task)


def _optimizer(network: nn.Module) -> torch.optim.AdamW:
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trainable, betas=(0.9, 0.99), weight_decay=0.01, fused=True)


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
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
