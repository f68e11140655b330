"""The command line, as a client of gateways that are busy or want a key."""

from pathlib import Path

import pytest
from stamina.instrumentation import set_on_retry_hooks
from typer.testing import CliRunner

from service.cli.main import app
from tests.service.client.conftest import Script, refusal
from worker.jobs.keys import KeyStore


@pytest.mark.usefixtures("catalog")
def test_an_api_key_is_an_option_or_a_variable(keyed_url: str, keys: KeyStore, tmp_path: Path) -> None:
    _, token = keys.create("studio")
    # A gateway that knows the key goes on to find fault with the width.
    command = ["generate", "x", "--width", "100", "--url", keyed_url, "-o", str(tmp_path / "x.png")]
    asked = [
        CliRunner().invoke(app, command),
        CliRunner().invoke(app, [*command, "--api-key", token]),
        CliRunner().invoke(app, command, env={"KANDINSKY_API_KEY": token}),
    ]
    assert ["width should be" in result.stderr for result in asked] == [False, True, True]


def test_a_long_pause_is_told(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.drawing.TOLD_SECONDS", 0.05)
    script.answers += [
        refusal(429, "queue_full", Retry_After="0.06"),
        refusal(429, "rate_limited", Retry_After="0.04"),
        refusal(422, "invalid_request"),
    ]
    command = ["generate", "x", "--url", script.url, "-o", str(tmp_path / "x.png")]
    said = CliRunner().invoke(app, command).stderr
    set_on_retry_hooks(None)
    assert said == "kandinsky: this is queue_full; again in 0 s\nkandinsky: this is invalid_request\n"
