"""The settings of the gateway."""

import pytest
from pydantic import ValidationError

from service.settings import GatewaySettings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANDINSKY_PORT", "9000")
    monkeypatch.setenv("KANDINSKY_PUBLIC_URL", "https://pictures.example/")
    settings = GatewaySettings()
    assert (settings.port, settings.public_url) == (9000, "https://pictures.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "70000"),
        ("log_format", "xml"),
        ("redis_url", "http://x"),
        ("redis_timeout_seconds", "0"),
        ("max_prompt_characters", "0"),
        ("public_url", "pictures.example"),
        ("auth", "maybe"),
        ("max_bodies_bytes", "1000"),
        ("cors_origins", "app.example.com"),
        ("cors_origins", "https://app.example.com/"),
        ("image_delivery", "presigned"),
        ("image_delivery", "by post"),
        ("image_url_hosts", "https://images.example.com"),
        ("image_url_hosts", "images.example.com,"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"KANDINSKY_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        GatewaySettings()
    assert [error["loc"] for error in caught.value.errors()] == [(name,)]


def test_every_setting_of_the_gateway_is_described() -> None:
    own = set(GatewaySettings.model_fields) - set(GatewaySettings.__base__.model_fields)
    assert [name for name in own if not GatewaySettings.model_fields[name].description] == []


def test_settings_show_no_password() -> None:
    settings = GatewaySettings(redis_url="redis://:secret@host/0", images_url="s3://me:secret@bucket")
    assert "secret" not in f"{settings} {settings!r}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@host:1/0", "redis://host:1/0"),
        ("rediss://user:p@ss@host/0", "rediss://host/0"),
        ("redis://host:1/0", "redis://host:1/0"),
        ("redis://host/0?username=me&password=secret&db=1", "redis://host/0?username=me&password=***&db=1"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert GatewaySettings(redis_url=url).redis_address == shown
