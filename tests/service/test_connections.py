"""How long the gateway waits for Redis."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.connections import connect
from service.settings import GatewaySettings
from tests.polling import until
from tests.processes import Server


def test_a_silent_redis_is_asked_once_and_then_left_alone(private_valkey: Server) -> None:
    settings = GatewaySettings(redis_url=private_valkey.url, redis_timeout_seconds=0.2)
    with connect(settings) as redis:
        assert redis.ping()
        private_valkey.freeze()
        with pytest.raises(RedisTimeoutError):
            redis.ping()
        private_valkey.thaw()
        with pytest.raises(RedisTimeoutError, match="a moment ago"):
            redis.ping()
        until(lambda: _answers(redis.ping))


def test_a_connection_that_was_cut_is_opened_again(valkey_url: str) -> None:
    settings = GatewaySettings(redis_url=valkey_url)
    with connect(settings) as redis, connect(settings) as other:
        other.client_kill_filter(_id=str(redis.client_id()))
        assert redis.ping()


def test_nobody_there_is_told_at_once(private_valkey: Server) -> None:
    private_valkey.kill()
    with connect(GatewaySettings(redis_url=private_valkey.url)) as redis, pytest.raises(RedisConnectionError):
        redis.ping()


def _answers(ping: object) -> bool:
    assert callable(ping)
    try:
        return bool(ping())
    except RedisTimeoutError:
        return False
