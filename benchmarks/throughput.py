"""Pictures per second: diffusers behind a lock, our engine one at a time, our engine with many in flight.

`python -m benchmarks.throughput` measures all three in one process, with the same weights, seeds and threads.
"""

import argparse
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from diffusers import Kandinsky3Pipeline

from benchmarks.report import Figures, print_table
from model.checkpoint import DEMO, load_checkpoint
from model.pipeline import Pipeline, Request
from worker.engine.engine import Engine
from worker.engine.sample import Order
from worker.models.drawing import DrawingModel
from worker.models.resident import Routed
from worker.networks import ResidentNetworks

PROMPTS = (
    "a red apple",
    "a cat",
    "a pizza on a blue background",
    "a rocket",
    "a penguin on a yellow background",
)

Draw = Callable[[int], object]


def main() -> None:
    """Runs the three measurements in turn, each several times, and prints the best round of each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--requests", type=int, default=32, help="pictures per round")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    diffusers = diffusers_behind_a_lock(options.checkpoint, options.steps)
    engine, ours = our_engine(options.checkpoint, options.steps)
    ways: dict[str, tuple[Draw, int]] = {
        "(a) diffusers behind a lock": (diffusers, 1),
        "(b) engine, one at a time": (ours, 1),
        f"(c) engine, {options.concurrency} in flight": (ours, options.concurrency),
    }
    rounds: dict[str, list[Figures]] = {name: [] for name in ways}
    for draw, concurrency in ways.values():
        measure(draw, concurrency, concurrency)  # warm-up
    for _ in range(options.rounds):
        for name, (draw, concurrency) in ways.items():
            rounds[name].append(measure(draw, options.requests, concurrency))
    engine.stop()
    best = {name: max(figures, key=lambda figure: figure.per_second) for name, figures in rounds.items()}
    title = f"{options.requests} pictures of {options.steps} steps, best of {options.rounds} rounds"
    print_table(title, best, options.threads)


def diffusers_behind_a_lock(folder: Path, steps: int) -> Draw:
    """What a simple service does: one pipeline, one request at a time."""
    pipeline: Any = Kandinsky3Pipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    side = load_checkpoint(folder, torch.device("cpu")).default_side
    lock = threading.Lock()

    def draw(seed: int) -> object:
        with lock:
            return pipeline(
                PROMPTS[seed % len(PROMPTS)],
                num_inference_steps=steps,
                width=side,
                height=side,
                generator=torch.Generator().manual_seed(seed),
            ).images[0]

    return draw


def our_engine(folder: Path, steps: int) -> tuple[Engine, Draw]:
    """The worker's engine, without queue and store."""
    checkpoint = load_checkpoint(folder, torch.device("cpu"))
    pipeline = Pipeline(checkpoint)
    networks = ResidentNetworks({checkpoint.name: DrawingModel(pipeline)})
    side = checkpoint.default_side
    engine: Engine = Engine(networks, max_rows=64)
    engine.start()

    def draw(seed: int) -> object:
        request = Request(PROMPTS[seed % len(PROMPTS)], side, side, steps, "ddpm", seed)
        routed = Routed(checkpoint.name, pipeline, request)
        order = Order(routed, group=("demo", side, side), num_steps=steps, rows=2)
        return engine.submit([order]).result()[0]

    return engine, draw


def measure(draw: Draw, num_requests: int, concurrency: int) -> Figures:
    """Latencies, in seconds, and the rate of so many requests with so many in flight."""

    def timed(seed: int) -> float:
        began = time.perf_counter()
        draw(seed)
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        latencies = list(pool.map(timed, range(num_requests)))
    return Figures(tuple(latencies), num_requests / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
