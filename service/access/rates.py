"""Rates: how often an API key is used, counted in Redis for all gateways together."""

import math
import time
from dataclasses import dataclass
from typing import cast

from limits import parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from limits.typing import RedisClient
from redis import Redis


@dataclass(frozen=True)
class Allowance:
    """What is left of a rate after a request."""

    granted: bool
    limit: int
    remaining: int
    #: Seconds until there is room for one more than now.
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """What the answer tells of it."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class Rates:
    """Counts requests in windows that move with the time."""

    def __init__(self, redis: Redis) -> None:
        self._limiter = MovingWindowRateLimiter(_Storage(redis))

    def take(self, owner: str, rate: str) -> Allowance:
        """Count a request of this owner, unless the rate is used up. Raises RedisError."""
        limit = parse(rate)
        granted = self._limiter.hit(limit, owner)
        window = self._limiter.get_window_stats(limit, owner)
        return Allowance(
            granted=granted,
            limit=limit.amount,
            remaining=window.remaining,
            reset_seconds=max(1, math.ceil(window.reset_time - time.time())),
        )


class _Storage(RedisStorage):
    """The counters, by a client that we have and that knows when to give up."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        super().__init__("redis://", connection_pool=redis.connection_pool, key_prefix="rates")

    def get_connection(self, readonly: bool = False) -> RedisClient:
        """That client."""
        return cast(RedisClient, self._redis)
