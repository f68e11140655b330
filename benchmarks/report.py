"""Figures, and the table that shows them with the machine they were taken on."""

import platform
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figures:
    """What one way of drawing pictures took."""

    #: Seconds of each request.
    latencies: tuple[float, ...]
    #: Pictures per second over all of them.
    per_second: float

    def percentile(self, percent: int) -> float:
        """A percentile of the latencies, in milliseconds."""
        if len(self.latencies) == 1:
            return 1000 * self.latencies[0]
        return 1000 * statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


def print_table(title: str, figures: dict[str, Figures], num_threads: int) -> None:
    """Prints a row for each way, compared with the first."""
    table = Table(title=f"{title}\n{machine(num_threads)}", title_justify="left")
    for column in ("way", "pictures/s", "p50 ms", "p95 ms", "against the first"):
        table.add_column(column, justify="left" if column == "way" else "right")
    first = next(iter(figures.values()))
    for name, figure in figures.items():
        table.add_row(
            name,
            f"{figure.per_second:.2f}",
            f"{figure.percentile(50):.0f}",
            f"{figure.percentile(95):.0f}",
            f"{figure.per_second / first.per_second:.2f}x",
        )
    Console(width=110).print(table)


def machine(num_threads: int | None = None) -> str:
    """The machine, in words, the threads if they are ours to say, and the day."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{len(names)} x {names[0]}" if names else platform.processor() or platform.machine()
    threads = f"{num_threads} threads, " if num_threads else ""
    return f"{cpu}, {threads}Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
