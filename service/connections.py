"""How the gateway talks to Redis: briefly, and never without end."""

import time
from typing import Any

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from service.settings import GatewaySettings

#: How long a silent Redis is left alone, in seconds.
REST_SECONDS = 1.0
#: Threads that serve requests each hold one connection.
MAX_CONNECTIONS = 200
#: How many of those who follow jobs may read at a time, and how long one waits for its turn, in seconds.
NUM_READERS = 8
TURN_SECONDS = 10.0


class BriskRedis(Redis):
    """A client that fails at once for a moment after Redis has not answered in time.

    Otherwise each of many waiting requests would in turn hold a thread for the whole timeout.
    """

    _rest_until = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and read the answer. Raises RedisError."""
        if time.monotonic() < self._rest_until:
            raise RedisTimeoutError("Redis did not answer a moment ago")
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except RedisTimeoutError:
            self._rest_until = time.monotonic() + REST_SECONDS
            raise


def connect(settings: GatewaySettings) -> Redis:
    """A client for the requests; opens no connection yet."""
    timeout = settings.redis_timeout_seconds
    # A connection that was cut is opened again once; one that is silent would be silent again.
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    return BriskRedis.from_url(
        settings.redis_url,
        socket_timeout=timeout,
        socket_connect_timeout=min(1.0, timeout),
        retry=retry,
        max_connections=MAX_CONNECTIONS,
    )


def connect_async(settings: GatewaySettings) -> AsyncRedis:
    """A client for those who follow jobs, who take turns with a few connections; opens none yet."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=min(1.0, settings.redis_timeout_seconds),
        retry=AsyncRetry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        max_connections=NUM_READERS,
        timeout=TURN_SECONDS,
    )
    return AsyncRedis.from_pool(pool)


def connect_listener(settings: GatewaySettings) -> AsyncRedis:
    """A client that listens for as long as it takes, and leaves it to its user to connect again."""
    return AsyncRedis.from_url(
        settings.redis_url,
        socket_timeout=None,
        socket_connect_timeout=min(1.0, settings.redis_timeout_seconds),
        retry=AsyncRetry(NoBackoff(), 0, supported_errors=()),
    )
