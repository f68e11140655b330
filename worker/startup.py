"""What a worker needs before it can serve; what is missing is told in one line."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from worker import metrics
from worker.finishing import opening
from worker.finishing.errors import CannotFinish
from worker.finishing.finishing import Finishing
from worker.jobs.errors import StoreUnavailable
from worker.jobs.images import ImageStore
from worker.jobs.settings import hide_password
from worker.mock.censoring import MockFilter
from worker.settings import NothingToServe, WorkerSettings

if TYPE_CHECKING:
    from worker.mock.networks import MockNetworks
    from worker.networks import ResidentNetworks

#: Connections to Redis besides one for each job.
SPARE_CONNECTIONS = 16


class CannotStart(Exception):
    """What a worker needs is missing; the message is one line for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(" ".join(reason.split()))


def read_settings() -> WorkerSettings:
    """The settings of this process. Raises CannotStart, which names the variables."""
    try:
        return WorkerSettings()
    except ValidationError as error:
        faults = [
            f"KANDINSKY_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}, not {fault['input']!r}"
            for fault in error.errors()
        ]
        raise CannotStart(hide_password("; ".join(faults))) from error


def connect(settings: WorkerSettings) -> Redis:
    """A client of a Redis that answers. Raises CannotStart."""
    try:
        redis = Redis.from_url(
            settings.redis_url,
            socket_timeout=5,
            socket_connect_timeout=1,
            # A connection that was cut is opened again once; who must get through tries again by itself.
            retry=Retry(NoBackoff(), 1),
            max_connections=settings.concurrency + SPARE_CONNECTIONS,
        )
        redis.ping()
    except (RedisError, ValueError) as error:
        where = settings.redis_address
        raise CannotStart(f"Redis at {where} (KANDINSKY_REDIS_URL) is not reachable: {error}") from error
    return redis


def open_images(settings: WorkerSettings) -> ImageStore:
    """An image store that can be written. Raises CannotStart."""
    try:
        images = ImageStore(settings.images_url)
        images.check()
    except StoreUnavailable as error:
        raise CannotStart(f"{error} (KANDINSKY_IMAGES_URL)") from error
    return images


def open_finishing(settings: WorkerSettings) -> Finishing:
    """What is done to finished pictures. Raises CannotStart."""
    # Mock models have a picture filter of their own, so that none is needed.
    wanted = settings.model_copy(update={"picture_filter": False}) if settings.is_mock else settings
    try:
        finishing = opening.open_finishing(wanted)
    except CannotFinish as error:
        raise CannotStart(str(error)) from error
    if not settings.is_mock:
        return finishing
    return replace(finishing, rules=replace(finishing.rules, picture_filter=MockFilter()))


def serve_metrics(settings: WorkerSettings) -> None:
    """Serve `/metrics`, if it is wanted. Raises CannotStart."""
    port = settings.metrics_port
    try:
        metrics.serve(port)
    except OSError as error:
        raise CannotStart(f"port {port} (KANDINSKY_METRICS_PORT) cannot be used: {error.strerror}") from error


def load(settings: WorkerSettings) -> "ResidentNetworks | MockNetworks":
    """What is served. Raises CannotStart, which names the file and the tensor."""
    try:
        return _mock(settings) if settings.is_mock else _resident(settings)
    except NothingToServe as error:
        raise CannotStart(f"{error} (KANDINSKY_CHECKPOINTS, KANDINSKY_MODELS, KANDINSKY_QUEUES)") from error


def _mock(settings: WorkerSettings) -> "MockNetworks":
    from worker.mock.networks import MockNetworks

    return MockNetworks(settings)


def _resident(settings: WorkerSettings) -> "ResidentNetworks":
    """The networks, on their device."""
    # Torch takes seconds to import: whatever else is wrong has shown before.
    from model.profiles import DoesNotFit
    from model.weights import CheckpointError
    from worker.loading import DeviceUnavailable, load_networks

    try:
        return load_networks(settings)
    except (CheckpointError, OSError) as error:
        raise CannotStart(f"{error} (KANDINSKY_CHECKPOINTS)") from error
    except DeviceUnavailable as error:
        raise CannotStart(f"{error} (KANDINSKY_DEVICE)") from error
    except DoesNotFit as error:
        raise CannotStart(f"{error} (KANDINSKY_MEMORY, KANDINSKY_MODELS)") from error
    except ValueError as error:
        raise CannotStart(f"{error} (KANDINSKY_MEMORY, KANDINSKY_BEAUTIFIER)") from error
