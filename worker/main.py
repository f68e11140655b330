"""A worker process: `python -m worker.main`, settings from `KANDINSKY_*` variables."""

import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Protocol

import structlog
from celery import Celery
from celery.worker import WorkController, state
from redis import Redis
from redis.exceptions import RedisError

from worker import startup
from worker.cancellation import CancelListener
from worker.engine.engine import Engine, Networks
from worker.jobs.addresses import Guard
from worker.jobs.catalog import Catalog, ModelCard, WorkerCard
from worker.jobs.images import ImageStore
from worker.jobs.logs import configure_logs
from worker.jobs.message import TASK
from worker.jobs.queue import JobQueue, celery_app
from worker.jobs.stages import FAMILIES, queue_name
from worker.jobs.store import JobStore
from worker.periodic import Periodic
from worker.reaper import Reaper, ReapRules
from worker.settings import WorkerSettings
from worker.startup import CannotStart
from worker.sweeping import StoreSweeper
from worker.tasks import Model, Runner, Stores
from worker.watchdog import Watchdog, leave_if_lost
from worker.webhooks.sender import WebhookSender

#: A worker that is silent for so many heartbeats counts as gone.
MISSED_HEARTBEATS = 3
#: How long the engine may take to end the step that is under way when the worker stops, in seconds.
LAST_STEP_SECONDS = 2
#: How much longer than `drain_seconds` an orderly stop may take, in seconds.
OVERTIME_SECONDS = 10

logger = structlog.get_logger(__name__)


class ServedNetworks(Model, Networks, Protocol):
    """The networks of all models, as catalog, tasks and engine ask for them."""

    @property
    def cards(self) -> Sequence[ModelCard]:
        """What each model offers."""
        ...


def main() -> int:
    """Serves until SIGTERM; returns the exit code, 1 after one line that says what is wrong."""
    try:
        settings = startup.read_settings()
        _configure_logs(settings)
        redis, images = startup.connect(settings), startup.open_images(settings)
        # It is opened again where it is used: networks take so long to load that faults have to show before.
        startup.open_finishing(settings)
        startup.serve_metrics(settings)
        networks = startup.load(settings)
    except CannotStart as error:
        print("kandinsky worker:", error, file=sys.stderr)
        return 1
    return serve(settings, networks, redis, images)


def serve(settings: WorkerSettings, networks: ServedNetworks, redis: Redis, images: ImageStore) -> int:
    """Runs the Celery worker, and all that stands beside it, until it is told to stop."""
    app = celery_app(settings)
    # The threads of Celery's pool look the task up in the default application.
    app.set_default()
    with running(settings, networks, redis, images, app) as runner:
        worker = WorkController(
            app=app,
            hostname=runner.worker_id,
            pool="threads",
            concurrency=settings.concurrency,
            queues=list(queues_of(settings, networks.cards)),
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        with _stopping_on_signals(runner):
            models = [card.id for card in networks.cards]
            logger.info("worker ready", worker=runner.worker_id, models=models, device=networks.device)
            worker.start()
    logger.info("worker stopped", worker=runner.worker_id)
    return worker.exitcode or 0


def queues_of(settings: WorkerSettings, cards: Sequence[ModelCard]) -> tuple[str, ...]:
    """The queues of all that the models can do, those of the families that the settings name if they do."""
    wanted = settings.queue_names or FAMILIES
    served = [(kind, card.id) for card in cards for kind in card.kinds if kind.family in wanted]
    return tuple(dict.fromkeys(queue_name(kind, model) for kind, model in served))


@contextmanager
def running(
    settings: WorkerSettings, networks: ServedNetworks, redis: Redis, images: ImageStore, app: Celery
) -> Iterator[Runner]:
    """A runner with its engine and all its threads, and the task that leads to it; only Celery is missing."""
    jobs = JobStore(redis, settings.retention_seconds, settings.max_queue_length)
    stores = Stores(jobs, JobQueue(app), images)
    engine = Engine(networks, settings.max_rows, int(settings.max_held_gigabytes * 1e9), leave_if_lost)
    worker_id = f"{socket.gethostname()}-{os.getpid()}"
    finishing, queues = startup.open_finishing(settings), queues_of(settings, networks.cards)
    runner = Runner(worker_id, settings, stores, networks, engine, queues, finishing)
    app.task(name=TASK, shared=False)(runner.run)
    rules = ReapRules(settings.reap_interval_seconds, settings.max_attempts)
    engine.start()
    with ExitStack() as stack:
        stack.callback(engine.stop, LAST_STEP_SECONDS)
        stack.enter_context(Watchdog(engine, settings.max_step_seconds))
        stack.enter_context(runner.leases)
        stack.enter_context(CancelListener(redis, runner.cancel))
        stack.enter_context(Reaper(jobs, stores.queue, images, redis, rules))
        stack.enter_context(StoreSweeper(images, redis, settings.retention_seconds))
        if settings.webhooks:
            stack.enter_context(WebhookSender(jobs, redis, Guard.of(settings.allowed_networks)))
        stack.enter_context(_announcing(settings, networks, redis, worker_id))
        yield runner


@contextmanager
def _announcing(
    settings: WorkerSettings, networks: ServedNetworks, redis: Redis, worker_id: str
) -> Iterator[None]:
    """Keeps the worker and its models in the catalog for as long as the block runs."""
    catalog, interval, cards = Catalog(redis), settings.heartbeat_seconds, networks.cards
    worker = WorkerCard(
        id=worker_id,
        models=tuple(card.id for card in cards),
        queues=queues_of(settings, cards),
        device=networks.device,
        started_at=datetime.now(UTC),
        concurrency=settings.concurrency,
    )
    with Periodic(
        "heartbeat", interval, lambda: catalog.publish(worker, cards, MISSED_HEARTBEATS * interval)
    ):
        yield
    try:
        catalog.withdraw(worker_id)
    except RedisError:
        logger.warning("could not withdraw from the catalog; the entry ends by itself", worker=worker_id)


@contextmanager
def _stopping_on_signals(runner: Runner) -> Iterator[None]:
    """Has SIGTERM and Ctrl-C end the Celery worker in order, once its jobs are finished or handed back."""

    def stop(number: int, frame: object) -> None:
        if state.should_stop is None:
            runner.drain()
            signal.alarm(math.ceil(runner.settings.drain_seconds + OVERTIME_SECONDS))
            state.should_stop = 0  # type: ignore[assignment]

    signal.signal(signal.SIGALRM, _leave)
    numbers = (signal.SIGTERM, signal.SIGINT)
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(number: int, frame: object) -> None:
    """Ends a process that something keeps from stopping, such as a store that does not answer."""
    try:
        logger.error("not stopped in time: what is left goes to other workers when its leases end")
    finally:
        os._exit(1)


def _configure_logs(settings: WorkerSettings) -> None:
    configure_logs(settings.log_format)
    # Of every task they tell what the task itself tells better.
    for name in ("celery", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A message that could not be acknowledged comes again, which is harmless.
    logging.getLogger("celery.worker.request").disabled = True


if __name__ == "__main__":
    # Until there is something to end in order, Ctrl-C is no reason for a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = main()
    logging.shutdown()
    # A step that is still under way cannot be interrupted, and nobody waits for it any more.
    os._exit(code)
