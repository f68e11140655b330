import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from model.training.config import StageConfig
from model.training.loop import Critic, Diverged, Stage, Training, learning_rate, update_average
from model.training.run import Run
from tests.model.conftest import CPU
from tests.model.training.tiny import TINY

CONFIG = StageConfig(num_steps=7, batch_size=4, learning_rate=0.1, warmup_steps=2, save_every=2)
Loss = Callable[[int], Tensor]


def make_training(folder: Path, wrap: Callable[[Loss], Loss] = lambda loss: loss) -> Training:
    """A small network that learns a line, from examples that depend on the step."""
    torch.manual_seed(0)
    network = nn.Linear(3, 1)

    def loss(step: int) -> Tensor:
        examples = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        return (network(examples) - examples.sum(dim=1, keepdim=True)).square().mean()

    return Training(Run(folder, TINY), Stage("line", CONFIG, network, wrap(loss)))


def weights(folder: Path) -> list[Tensor]:
    state = Run(folder, TINY).load("line")
    assert state is not None
    assert state["step"] == CONFIG.num_steps
    return [*state["network"].values(), *state["average"].values()]


@pytest.fixture
def uninterrupted(tmp_path: Path) -> list[Tensor]:
    folder = tmp_path / "uninterrupted"
    assert make_training(folder).go_on(CPU, math.inf)
    return weights(folder)


def interrupt_at(step: int) -> Callable[[Loss], Loss]:
    def wrap(loss: Loss) -> Loss:
        def interrupted(current: int) -> Tensor:
            if current == step:
                raise KeyboardInterrupt
            return loss(current)

        return interrupted

    return wrap


@pytest.mark.parametrize(("step", "saved"), [(0, None), (1, None), (2, 2), (5, 4)])
def test_interrupted_training_comes_to_the_same_weights(
    tmp_path: Path, uninterrupted: list[Tensor], step: int, saved: int | None
) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_training(tmp_path, interrupt_at(step)).go_on(CPU, math.inf)
    assert make_training(tmp_path).num_done == (saved or 0)
    assert make_training(tmp_path).go_on(CPU, math.inf)
    assert all(torch.equal(*pair) for pair in zip(weights(tmp_path), uninterrupted, strict=True))


def test_training_stops_at_the_deadline(tmp_path: Path) -> None:
    assert not make_training(tmp_path).go_on(CPU, time.monotonic() - 1)
    assert make_training(tmp_path).num_done == 0
    assert make_training(tmp_path).go_on(CPU, math.inf)


def test_complete_stage_is_left_alone(tmp_path: Path, uninterrupted: list[Tensor]) -> None:
    folder = tmp_path / "uninterrupted"
    assert make_training(folder, interrupt_at(7)).go_on(CPU, math.inf)
    assert all(torch.equal(*pair) for pair in zip(weights(folder), uninterrupted, strict=True))


def test_frozen_weights_stay(tmp_path: Path) -> None:
    training = make_training(tmp_path)
    frozen = nn.Linear(3, 1)
    frozen.bias.requires_grad_(False)
    before = frozen.bias.clone()
    stage = Stage("frozen", CONFIG, frozen, lambda step: frozen(torch.ones(1, 3)).square().mean())
    assert Training(training.run, stage).go_on(CPU, math.inf)
    assert torch.equal(frozen.bias, before)


def make_game(folder: Path, calls: list[str], stop_at: int | None = None) -> Training:
    """A network and its critic, each with a loss that depends on the other."""
    torch.manual_seed(0)
    network, judge = nn.Linear(1, 1), nn.Linear(1, 1)

    def loss(step: int) -> Tensor:
        if step == stop_at:
            raise KeyboardInterrupt
        calls.append("network")
        return -judge(network(torch.ones(1, 1))).mean()

    def critic_loss() -> Tensor:
        calls.append("critic")
        return judge(network(torch.ones(1, 1)).detach()).mean() + judge.weight.square().mean()

    critic = Critic(judge, 0.05, critic_loss)
    return Training(Run(folder, TINY), Stage("game", CONFIG, network, loss, critic=critic))


def test_critic_is_trained_after_the_network(tmp_path: Path) -> None:
    calls: list[str] = []
    make_game(tmp_path, calls).go_on(CPU, math.inf)
    assert calls == ["network", "critic"] * CONFIG.num_steps


def test_interrupted_game_comes_to_the_same_state(tmp_path: Path) -> None:
    make_game(tmp_path / "whole", []).go_on(CPU, math.inf)
    with pytest.raises(KeyboardInterrupt):
        make_game(tmp_path / "resumed", [], stop_at=5).go_on(CPU, math.inf)
    make_game(tmp_path / "resumed", []).go_on(CPU, math.inf)
    whole, resumed = (Run(tmp_path / name, TINY).load("game") for name in ("whole", "resumed"))
    assert whole is not None
    assert resumed is not None
    for part in ("network", "average", "critic"):
        assert all(torch.equal(resumed[part][name], weight) for name, weight in whole[part].items())
    states = [state["critic_optimizer"]["state"][0]["exp_avg"] for state in (whole, resumed)]
    assert torch.equal(*states)


def test_loss_that_is_no_number_keeps_the_last_save(tmp_path: Path) -> None:
    def diverging(loss: Loss) -> Loss:
        return lambda step: loss(step) * (math.nan if step == 5 else 1)

    with pytest.raises(Diverged, match="line: the loss is nan at step 5; the last save is kept"):
        make_training(tmp_path, diverging).go_on(CPU, math.inf)
    assert make_training(tmp_path).num_done == 4


def test_end_is_logged(tmp_path: Path) -> None:
    make_training(tmp_path).go_on(CPU, math.inf)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 7]


def test_buffers_of_the_average_are_the_network_s() -> None:
    average, network = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    network.running_mean = torch.ones(2)
    update_average(average, network, decay=0.9, step=0)
    assert torch.equal(average.get_buffer("running_mean"), torch.ones(2))


def test_learning_rate_rises_and_falls() -> None:
    stage = StageConfig(num_steps=100, batch_size=1, learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate(step, stage) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert learning_rate(100, stage) == pytest.approx(0.05)


def test_average_forgets_its_start_faster_at_first() -> None:
    average, network = nn.Linear(1, 1), nn.Linear(1, 1)
    for layer, value in ((average, 0.0), (network, 1.0)):
        nn.init.constant_(layer.weight, value)
    update_average(average, network, decay=0.99, step=0)
    assert average.weight.item() == pytest.approx(0.9)
    nn.init.zeros_(average.weight)
    update_average(average, network, decay=0.99, step=10_000)
    assert average.weight.item() == pytest.approx(0.01)
