"""Time and memory of making pictures larger and of refining them: `python -m benchmarks.superres`.

Each picture is square and made alone, in a process of its own, whose peak is what the system says it was.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from model.checkpoint import FAMILY, load_checkpoint
from model.pipeline import Pipeline
from model.pixels import Pixels
from model.refining import RefinePipeline, RefineRequest
from model.upscaler import load_upscaler
from model.upscaling import UpscalePipeline, UpscaleRequest

CPU = torch.device("cpu")
#: Units of `ru_maxrss` in a megabyte.
MAXRSS_PER_MB = 1e6 if sys.platform == "darwin" else 1e6 / 1024
COLUMNS = ("checkpoint", "makes", "windows", "s", "s per megapixel", "CPU s", "peak MB", "over networks")


@dataclass(frozen=True)
class Measurement:
    """What one picture took."""

    size: str
    num_windows: int
    seconds: float
    #: Of all its threads.
    cpu_seconds: float
    #: Memory of the process when the networks are loaded, and its peak in the end, in MB.
    loaded: float
    peak: float


def main() -> None:
    """Measures each side in a process of its own, and prints a table."""
    options = _options()
    if options.one is not None:
        measurement = measure(options.checkpoints / options.one, options.upscale[0], options.threads)
        print(json.dumps(asdict(measurement)))
        return
    table = Table(title=machine(options.threads), title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == "checkpoint" else "right")
    work = [(options.upscaler, side) for side in options.upscale]
    work += [(options.refiner, side) for side in options.refine]
    for name, side in work:
        table.add_row(name, *_cells(measure_apart(options, name, side), side))
    Console(width=120).print(table)


def measure_apart(options: argparse.Namespace, name: str, side: int) -> Measurement:
    """Measures in a new process."""
    arguments = ["--one", name, "--upscale", str(side), "--threads", str(options.threads)]
    arguments += ["--checkpoints", str(options.checkpoints)]
    command = [sys.executable, "-m", "benchmarks.superres", *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Measurement(**json.loads(output))


def measure(checkpoint: Path, side: int, num_threads: int) -> Measurement:
    """Makes a picture of so many pixels a side, and measures this process."""
    torch.set_num_threads(num_threads)
    pipeline, request = _enlarging(checkpoint, side) if _enlarges(checkpoint) else _refining(checkpoint, side)
    loaded = psutil.Process().memory_info().rss / 1e6
    began, cpu_began = time.perf_counter(), time.process_time()
    [state] = pipeline.start([request])
    while not state.is_done:
        pipeline.step([state])
    [pixels] = pipeline.decode([state])
    size = f"{pixels.shape[1]} x {pixels.shape[0]}"
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Measurement(size, len(state.views), seconds, cpu_seconds, loaded, peak())


def peak() -> float:
    """The most memory that this process has had at a time, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MAXRSS_PER_MB


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.superres", description=__doc__)
    parser.add_argument("--checkpoints", type=Path, default=FAMILY)
    parser.add_argument("--upscaler", default="kandisuperres-x4-demo")
    parser.add_argument("--upscale", type=int, nargs="*", default=[1024, 2048, 4096], help="sides made")
    parser.add_argument("--refiner", default="kandinsky-3-flash-demo")
    parser.add_argument("--refine", type=int, nargs="*", default=[1024, 2048], help="sides refined")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


def _enlarges(checkpoint: Path) -> bool:
    return "scale" in json.loads((checkpoint / "serving.json").read_text())


def _enlarging(checkpoint: Path, side: int) -> tuple[Any, UpscaleRequest]:
    pipeline = UpscalePipeline(load_upscaler(checkpoint, CPU))
    return pipeline, UpscaleRequest(_picture(side // pipeline.checkpoint.scale), seed=1)


def _refining(checkpoint: Path, side: int) -> tuple[Any, RefineRequest]:
    return RefinePipeline(Pipeline(load_checkpoint(checkpoint, CPU))), RefineRequest(_picture(side), seed=1)


def _picture(side: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def _cells(measurement: Measurement, side: int) -> Sequence[str]:
    seconds, megapixels = measurement.seconds, side**2 / 1e6
    return (
        measurement.size,
        str(measurement.num_windows),
        f"{seconds:.1f}",
        f"{seconds / megapixels:.2f}",
        f"{measurement.cpu_seconds:.0f}",
        f"{measurement.peak:.0f}",
        f"{measurement.peak - measurement.loaded:.0f}",
    )


if __name__ == "__main__":
    main()
