"""A thousand open event streams on one gateway process: what they cost, and that no event is lost.

`python -m benchmarks.streams` starts a gateway on one core and plays the worker itself. While the jobs run,
the connection over which the gateway hears of events is cut several times.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis import Redis
from rich.console import Console
from rich.table import Table

from benchmarks.report import machine
from benchmarks.serving import Gateway, gateway, nobody
from service.client import ServerEvent, parse_events
from worker.jobs.job import Job, Progress, Receipt, new_job_id
from worker.jobs.stages import Kind, TextToImage
from worker.jobs.store import Claim, JobStore

STAGE = TextToImage(
    kind=Kind.TEXT_TO_IMAGE,
    prompt="a red apple",
    model="benchmark",
    width=1024,
    height=1024,
    seed=7,
    num_images=1,
    steps=20,
    guidance_scale=3.0,
    sampler="ddpm",
)
RECEIPT = Receipt(
    stage=STAGE.kind,
    queue_ms=1,
    encode_ms=1,
    denoise_ms=1,
    decode_ms=1,
    store_ms=1,
    device="none",
    steps=STAGE.steps,
    mean_batch_size=1,
    attempts=1,
)
#: About as large as the previews of a picture of 1024 px.
PREVIEW = b"x" * 2000


@dataclass
class Stream:
    """What one reader got, and when."""

    events: list[ServerEvent] = field(default_factory=list)
    #: Seconds from each event to its receipt, but for the first, which tells what was before.
    delays: list[float] = field(default_factory=list)

    def note(self, event: ServerEvent) -> None:
        """Keep one event that has just come."""
        if self.events:
            self.delays.append(time.time() - int(event.id.partition("-")[0]) / 1000)
        self.events.append(event)

    def is_whole(self, num_steps: int) -> bool:
        """Whether every event came, once and in order."""
        statuses = [event.data["status"] for event in self.events if event.type == "status"]
        steps = [event.data["step"] for event in self.events if event.type == "progress"]
        return statuses == ["queued", "running", "succeeded"] and steps == list(range(1, num_steps + 1))


@dataclass(frozen=True)
class Load:
    """How much happens."""

    streams: int
    #: Of each job.
    steps: int
    #: Over all jobs, as an aim.
    events_per_second: float
    cuts: int


def main() -> None:
    """Opens the streams, lets all jobs run, and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20, help="of each job, each of them an event")
    parser.add_argument("--events-per-second", type=float, default=400, help="over all jobs")
    parser.add_argument("--cuts", type=int, default=5, help="how often the gateway's connection is cut")
    load = Load(**vars(parser.parse_args()))
    with gateway(nobody) as served, Redis.from_url(served.redis_url) as redis:
        asyncio.run(measure(served, redis, load))


async def measure(gateway: Gateway, redis: Redis, load: Load) -> None:
    """Has every job followed, run and told of, and prints the table."""
    store = JobStore(redis, max_queue_length=load.streams)
    streams = {create(store).id: Stream() for _ in range(load.streams)}
    memory, began = {"before": gateway.memory}, time.monotonic()
    readers = [asyncio.create_task(read(gateway.port, *item)) for item in streams.items()]
    while not all(stream.events for stream in streams.values()):
        await asyncio.sleep(0.05)
    memory["open"], opened, cpu = gateway.memory, time.monotonic(), gateway.cpu_seconds
    playing = asyncio.create_task(asyncio.to_thread(play, store, list(streams), load))
    cutting = asyncio.create_task(cut(redis, load, playing))
    memory["peak"] = await peak_memory(gateway, asyncio.gather(playing, *readers))
    await cutting
    seconds = time.monotonic() - opened
    num_broken = sum(not stream.is_whole(load.steps) for stream in streams.values())
    print_report(
        {
            "streams opened": f"{load.streams} in {opened - began:.1f} s",
            "lost or repeated an event": str(num_broken),
            "events told": f"{sum(len(stream.events) for stream in streams.values())} in {seconds:.1f} s",
            "connection of the gateway cut": f"{load.cuts} times",
            "from event to reader": spread([delay for stream in streams.values() for delay in stream.delays]),
            "memory of the gateway before / all open / at most": " / ".join(
                f"{size / 2**20:.0f} MB" for size in memory.values()
            ),
            "its share of one core while events came": f"{(gateway.cpu_seconds - cpu) / seconds:.0%}",
        }
    )
    if num_broken:
        raise SystemExit(f"{num_broken} streams lost or repeated an event")


def create(store: JobStore) -> Job:
    """One queued job."""
    return store.create(Job(id=new_job_id(), kind=STAGE.kind, stages=(STAGE,)))


async def read(port: int, job_id: str, stream: Stream) -> None:
    """Follows one job to its end, as a client does that never has to resume."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # By HTTP/1.0 the answer ends with the connection, and comes as it is.
    writer.write(f"GET /v1/jobs/{job_id}/events HTTP/1.0\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    while frame := await read_frame(reader):
        for event in parse_events(iter([*frame.decode().splitlines(), ""])):
            stream.note(event)
    writer.close()


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """One event or comment; nothing at the end."""
    try:
        return await reader.readuntil(b"\n\n")
    except asyncio.IncompleteReadError:
        return b""


def play(store: JobStore, job_ids: list[str], load: Load) -> None:
    """Is the worker of all jobs, which go on step by step together."""
    beat, began = itertools.count(1), time.monotonic()

    def pace() -> None:
        time.sleep(max(0.0, began + next(beat) / load.events_per_second - time.monotonic()))

    claims = []
    for job_id in job_ids:
        claim = store.claim(job_id, "benchmark", lease_seconds=3600)
        assert claim is not None
        claims.append(claim)
        pace()
    for step in range(1, load.steps + 1):
        for claim in claims:
            report(store, claim, step, load.steps)
            pace()
    for claim in claims:
        store.succeed(claim, RECEIPT)
        pace()


def report(store: JobStore, claim: Claim, step: int, steps: int) -> None:
    """Tells of one step, and shows every fifth."""
    store.report_progress(claim, Progress(step=step, steps=steps, fraction=step / steps))
    if step % 5 == 0:
        store.report_preview(claim, step, PREVIEW, "image/webp")


async def cut(redis: Redis, load: Load, playing: asyncio.Task[None]) -> None:
    """Cuts the connection over which the gateway hears, evenly while the jobs run."""
    seconds = load.streams * (load.steps + 2) / load.events_per_second
    for _ in range(load.cuts):
        await asyncio.wait([playing], timeout=seconds / (load.cuts + 1))
        await asyncio.to_thread(redis.client_kill_filter, _type="pubsub")


async def peak_memory(gateway: Gateway, until: "asyncio.Future[list[None]]") -> int:
    """The most that the gateway takes until something is done."""
    peak = 0
    while not until.done():
        peak = max(peak, gateway.memory)
        await asyncio.wait([until], timeout=0.2)
    until.result()
    return peak


def spread(seconds: list[float]) -> str:
    """Median and 99th percentile, in words."""
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {1000 * percentiles[49]:.0f} ms, p99 {1000 * percentiles[98]:.0f} ms"


def print_report(rows: Mapping[str, str]) -> None:
    """Prints one figure a row."""
    table = Table(title=f"Event streams of one gateway process\n{machine()}", title_justify="left")
    for column in ("what", "figure"):
        table.add_column(column)
    for row in rows.items():
        table.add_row(*row)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
