"""How much one gateway process on one core takes in, how fast it answers, and what a look at a job costs.

`python -m benchmarks.gateway` starts a Redis server, a worker of the mock models and a gateway for itself and
stops them again. The gateway has a core of its own; all others, and the load, share the rest.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import Call, Connection, send_closely, send_steadily
from benchmarks.report import Figures, machine
from benchmarks.serving import Gateway, gateway, mock_worker

LINE = "POST /v1/text-to-image"
BODY = json.dumps({"prompt": "a red apple on a table", "steps": 30}).encode()
SUBMISSION = Call.of(LINE, 202, BODY)


@dataclass(frozen=True)
class Measured:
    """What one kind of load got, and what it cost."""

    figures: Figures
    #: Of the gateway's processor time, for each request.
    cpu_seconds: float


def measure(served: Gateway, load: Callable[[], Coroutine[Any, Any, Figures]]) -> Measured:
    """What a gateway gives under a load."""
    before = served.cpu_seconds
    figures = asyncio.run(load())
    return Measured(figures, (served.cpu_seconds - before) / len(figures.latencies))


def main() -> None:
    """Measures submissions as fast as they are taken, submissions at a set rate, and looks at a job."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    with gateway(mock_worker) as served:
        port, size = served.port, (options.requests, options.connections)
        measure(served, lambda: send_closely(port, SUBMISSION, 500, options.connections))  # warm-up
        look = asyncio.run(look_at_job(port))
        keyed = Call.of(LINE, 202, BODY, served.create_key())
        rows = {
            "submissions, as many as it takes": measure(
                served, lambda: send_closely(port, SUBMISSION, *size)
            ),
            "the same under an API key with a rate": measure(
                served, lambda: send_closely(port, keyed, *size)
            ),
            f"submissions, {options.rate:g} a second": measure(
                served, lambda: send_steadily(port, SUBMISSION, options.rate, options.seconds)
            ),
            "looks at a queued job, as many as it takes": measure(
                served, lambda: send_closely(port, look, *size)
            ),
        }
        num_ended = served.num_ended
    print_table(rows, f"The mock worker ended {num_ended} jobs meanwhile.")


def print_table(rows: dict[str, Measured], caption: str) -> None:
    """Prints a row for each kind of load."""
    title = f"One gateway process on one core\n{machine()}"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("what", "a second", "p50 ms", "p99 ms", "CPU ms each"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, row in rows.items():
        p50, p99 = row.figures.percentile(50), row.figures.percentile(99)
        cells = (f"{row.figures.per_second:.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{1000 * row.cpu_seconds:.2f}")
        table.add_row(name, *cells)
    Console(width=110).print(table)


async def look_at_job(port: int) -> Call:
    """What asks for one job that is queued."""
    connection = await Connection.open(port)
    job = json.loads(await connection.send(SUBMISSION))
    await connection.close()
    return Call.of(f"GET /v1/jobs/{job['id']}", 200)


if __name__ == "__main__":
    main()
