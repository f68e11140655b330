"""A worker process: `python -m worker.main`, settings from `KANDINSKY_*` variables."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import Celery, signals
from prometheus_client import start_http_server
from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError

from model.checkpoint import DEMO
from model.weights import CheckpointError
from worker.cancellation import CancelListener
from worker.engine.engine import Engine
from worker.jobs.catalog import Catalog, ModelCard, WorkerCard
from worker.jobs.errors import StoreUnavailable
from worker.jobs.images import ImageStore
from worker.jobs.logs import configure_logs
from worker.jobs.queue import TASK, JobQueue, celery_app
from worker.jobs.store import JobStore
from worker.networks import ResidentNetworks, load_networks
from worker.periodic import Periodic
from worker.reaper import Reaper, ReapRules
from worker.settings import WorkerSettings
from worker.tasks import Runner, Stores

logger = structlog.get_logger(__name__)

#: A worker that is silent for so many heartbeats counts as gone.
MISSED_HEARTBEATS = 3


def main() -> int:
    """Serves until SIGTERM; returns the exit code, 1 after one line that says what is wrong."""
    try:
        settings = WorkerSettings()
        configure_logs(settings.log_format)
        networks = load_networks(settings, DEMO)
        redis = Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=1)
        redis.ping()
        images = ImageStore(settings.images_url)
        images.check()
        if settings.metrics_port:
            start_http_server(settings.metrics_port)
    except ValidationError as error:
        first = error.errors()[0]
        return _refuse(
            f"KANDINSKY_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}, not {first['input']!r}"
        )
    except RedisError as error:
        return _refuse(f"Redis at {settings.redis_url} is not reachable: {error}")
    except (CheckpointError, StoreUnavailable, OSError, RuntimeError) as error:
        return _refuse(str(error))
    serve(settings, networks, redis, images)
    return 0


def serve(settings: WorkerSettings, networks: ResidentNetworks, redis: Redis, images: ImageStore) -> None:
    """Runs the Celery worker, and all that stands beside it, until it is told to stop."""
    app = celery_app(settings, "worker")
    with running(settings, networks, redis, images, app) as runner:
        signals.worker_shutting_down.connect(lambda **_: _drain_in_background(runner), weak=False)
        logger.info("worker ready", worker=runner.worker_id, model=networks.card.id, device=networks.device)
        app.worker_main(
            [
                *("worker", "--pool", "threads", "--concurrency", str(settings.concurrency)),
                *("--queues", settings.queues, "--hostname", runner.worker_id, "--loglevel", "WARNING"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
        )


@contextmanager
def running(
    settings: WorkerSettings, networks: ResidentNetworks, redis: Redis, images: ImageStore, app: Celery
) -> Iterator[Runner]:
    """A runner with its engine and all its threads, and the task that leads to it; only Celery is missing."""
    jobs = JobStore(redis, settings.retention_seconds, settings.max_queue_length)
    stores = Stores(jobs, JobQueue(app), images)
    engine: Engine[Any, Any] = Engine(networks, settings.max_rows)
    worker_id = f"{socket.gethostname()}-{os.getpid()}"
    runner = Runner(worker_id, networks.device, settings, stores, engine)
    app.task(name=TASK)(runner.run)
    rules = ReapRules(settings.reap_interval_seconds, settings.max_attempts)
    engine.start()
    with ExitStack() as stack:
        stack.callback(engine.stop)
        stack.enter_context(runner.leases)
        stack.enter_context(CancelListener(redis, runner.cancel))
        stack.enter_context(Reaper(jobs, stores.queue, images, redis, rules))
        stack.enter_context(_announcing(settings, networks, redis, worker_id))
        yield runner


@contextmanager
def _announcing(
    settings: WorkerSettings, networks: ResidentNetworks, redis: Redis, worker_id: str
) -> Iterator[None]:
    """Keeps the worker and its model in the catalog for as long as the block runs."""
    catalog, cards = Catalog(redis), [networks.card]
    worker = _worker_card(settings, networks, worker_id, cards)
    interval = settings.heartbeat_seconds
    announce = Periodic(
        "heartbeat", interval, lambda: catalog.publish(worker, cards, MISSED_HEARTBEATS * interval)
    )
    with announce:
        yield
    try:
        catalog.withdraw(worker_id)
    except RedisError:
        logger.warning("could not withdraw from the catalog; the entry ends by itself", worker=worker_id)


def _worker_card(
    settings: WorkerSettings, networks: ResidentNetworks, worker_id: str, cards: list[ModelCard]
) -> WorkerCard:
    return WorkerCard(
        id=worker_id,
        models=tuple(card.id for card in cards),
        queues=tuple(settings.queues.split(",")),
        device=networks.device,
        started_at=datetime.now(UTC),
    )


def _drain_in_background(runner: Runner) -> None:
    # The signal comes in the main thread, which has to go on to close the consumer.
    threading.Thread(target=runner.drain, name="drain", daemon=True).start()


def _refuse(reason: str) -> int:
    print(f"kandinsky worker: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
