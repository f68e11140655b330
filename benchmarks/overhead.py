"""What gateway, queue and store add to a lone request, and what memory the gateway takes.

`python -m benchmarks.overhead` starts the whole service for itself and stops it again.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from benchmarks.report import machine
from model.checkpoint import DEMO
from service.answers.schemas import JobResponse
from service.client import Kandinsky
from service.requests import TextToImageRequest
from service.up.valkey import free_port

START_SECONDS = 120


def main() -> None:
    """Sends lone requests, one after the other, and prints where their time went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEMO)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--requests", type=int, default=30)
    options = parser.parse_args()
    with service(options.checkpoint) as (url, process), Kandinsky(url) as client:
        draw(client, options.steps)  # warm-up
        added, total = zip(*(draw(client, options.steps) for _ in range(options.requests)), strict=True)
        memory = gateway_memory(process)
    console = Console(width=110, highlight=False)
    console.print(f"{options.requests} lone requests of {options.steps} steps")
    console.print(machine())
    console.print(f"gateway, queue and store add    {spread(added)}")
    console.print(f"request to end of job           {spread(total)}")
    console.print(f"resident memory of the gateway  {memory / 2**20:.0f} MB")


def draw(client: Kandinsky, steps: int) -> tuple[float, float]:
    """Seconds from request to end of one job: beside the networks' own time, and in all."""
    began = time.time()
    job = client.wait(client.submit(TextToImageRequest(prompt="a red apple", steps=steps)).id)
    assert job.ended_at, f"the job {job.status}"
    total = job.ended_at.timestamp() - began
    return total - network_seconds(job), total


def network_seconds(job: JobResponse) -> float:
    """What the engine itself took, by the job's receipt."""
    assert job.receipt
    return (job.receipt.encode_ms + job.receipt.denoise_ms + job.receipt.decode_ms) / 1000


@contextmanager
def service(checkpoint: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The whole service on a free port, with a data folder of its own."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "service.cli.main", "up", "--port", str(port), "--data", data]
        process = subprocess.Popen([*command, "--checkpoints", str(checkpoint)], stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(url, process)
            yield url, process
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the service answers that all its parts are there."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the service did not become ready within {START_SECONDS} s")


def gateway_memory(process: subprocess.Popen[bytes]) -> int:
    """Resident bytes of the gateway's process."""
    children = psutil.Process(process.pid).children()
    [gateway] = [child for child in children if "gateway" in child.cmdline()]
    resident: int = gateway.memory_info().rss
    return resident


def spread(seconds: tuple[float, ...]) -> str:
    """Median and 95th percentile, in words."""
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {1000 * percentiles[49]:.1f} ms, p95 {1000 * percentiles[94]:.1f} ms"


if __name__ == "__main__":
    main()
