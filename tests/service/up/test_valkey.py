from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from service.up import valkey
from service.up.valkey import ServerMissing, find_server


def test_refuses_other_users(valkey_url: str) -> None:
    port = urlsplit(valkey_url).port
    with Redis(port=port or 0, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()


def test_falls_back_to_a_server_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(valkey, "BUNDLE", "no_such_wheel")
    assert find_server() == server


def test_says_what_to_install_when_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(valkey, "BUNDLE", "no_such_wheel")
    with pytest.raises(ServerMissing, match="put valkey-server or redis-server on PATH"):
        find_server()
