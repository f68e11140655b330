"""`kandinsky keys`, as an operator types it."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli.main import app
from service.up.data_folder import published, redis_url_file
from worker.jobs.key import read_token
from worker.jobs.keys import KeyStore

Run = Callable[..., Result]


@pytest.fixture
def run(keys: KeyStore, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `kandinsky keys` on the Valkey of the tests."""
    monkeypatch.setenv("KANDINSKY_REDIS_URL", valkey_url)
    return lambda *arguments: CliRunner().invoke(app, ["keys", *map(str, arguments)])


def opens(keys: KeyStore, token: str) -> bool:
    credentials = read_token(token)
    return credentials is not None and credentials.open(keys.find(credentials.key_id))


def test_a_key_is_printed_alone_with_its_pair_beside(run: Run, keys: KeyStore) -> None:
    result = run("create", "--name", "studio", "--rate", "60/minute", "--concurrency", 4, "--days", 30)
    [key] = keys.list()
    token = result.stdout.removesuffix("\n")
    assert opens(keys, token)
    assert f"X-Key: Key {key.id}\n  X-Secret: Secret {token[-64:]}\n" in result.stderr
    assert (key.name, key.rate, key.max_active, key.expires_at is None) == ("studio", "60/minute", 4, False)


def test_keys_are_listed_without_their_digests(run: Run, keys: KeyStore) -> None:
    (key, _), (gone, _) = keys.create("studio", rate="5/day"), keys.create("old")
    keys.revoke(gone.id)
    _, first, second = run("list").stdout.splitlines()
    assert re.fullmatch(rf" *{key.id} +studio +5/day +- +interactive +\S+ +- +active *", first)
    assert re.fullmatch(rf" *{gone.id} +old .* revoked *", second)
    assert key.digests[0].value[:8] not in run("list").output


def test_a_rotated_key_is_printed_and_the_old_one_is_good_for_the_overlap(run: Run, keys: KeyStore) -> None:
    key, old = keys.create("studio")
    new = run("rotate", key.id, "--overlap", 60).stdout.strip()
    assert (opens(keys, new), opens(keys, old)) == (True, True)
    run("rotate", key.id, "--overlap", 0)
    assert (opens(keys, new), opens(keys, old)) == (False, False)


def test_a_revoked_key_opens_nothing(run: Run, keys: KeyStore) -> None:
    key, token = keys.create("studio")
    assert run("revoke", key.id).stdout == f"{key.id} is revoked\n"
    assert not opens(keys, token)


@pytest.mark.parametrize("has_key", [True, False])
def test_the_secret_of_webhooks_is_shown_and_rotated(run: Run, keys: KeyStore, has_key: bool) -> None:
    owner = [keys.create("studio")[0].id] if has_key else []
    old = run("webhook-secret", *owner).stdout.strip()
    new = run("rotate-webhook-secret", *owner).stdout.strip()
    assert keys.webhook_secrets("".join(owner)) == (new, old)


@pytest.mark.parametrize("command", ["rotate", "revoke", "webhook-secret", "rotate-webhook-secret"])
def test_a_key_that_is_not_there_is_one_line_and_exit_code_1(run: Run, command: str) -> None:
    result = run(command, "nobody")
    assert (result.exit_code, result.stderr) == (1, "kandinsky: no API key has the id 'nobody'\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--name", ""], "name should have 1 to 64 letters"),
        (["--name", "x", "--rate", "60"], "rate should be 1 to 99999 per second"),
    ],
)
def test_what_a_key_cannot_be_is_one_line_and_exit_code_1(run: Run, arguments: list[str], said: str) -> None:
    result = run("create", *arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"kandinsky: {said}")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@127.0.0.1:1/0", "Redis at redis://127.0.0.1:1/0 (KANDINSKY_REDIS_URL) is not"),
        ("redis://:secret@host?socket_timeout=x", "Redis at redis://host?socket_timeout=x (KANDINSKY_REDIS"),
        ("redis://:secret/1@host", "KANDINSKY_REDIS_URL should be like redis://"),
    ],
)
def test_redis_that_is_away_is_one_line_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("KANDINSKY_REDIS_URL", url)
    result = run("list")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"kandinsky: {said}")
    assert "secret" not in result.stderr


def test_the_keys_of_a_running_up_are_found_by_its_data_folder(
    run: Run, keys: KeyStore, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KANDINSKY_REDIS_URL")
    with published(tmp_path, valkey_url):
        assert stat.S_IMODE(redis_url_file(tmp_path).stat().st_mode) == 0o600
        assert opens(keys, run("create", "--name", "studio", "--data", tmp_path).stdout.strip())
    result = run("list", "--data", tmp_path)
    assert result.stderr == f"kandinsky: no `kandinsky up` runs on the data folder {tmp_path}\n"


def test_a_data_folder_that_cannot_be_read_is_told_as_such(run: Run, tmp_path: Path) -> None:
    redis_url_file(tmp_path).mkdir()
    said = f"kandinsky: {redis_url_file(tmp_path)} cannot be read: Is a directory\n"
    assert run("list", "--data", tmp_path).stderr == said
