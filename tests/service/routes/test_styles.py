"""GET /v1/styles."""

from pathlib import Path

import httpx

from service.settings import GatewaySettings
from tests.service.conftest import serving


def test_all_styles_are_listed(http: httpx.Client) -> None:
    listed = http.get("/v1/styles").json()
    styles = {style["name"]: style for style in listed["data"]}
    assert (listed["object"], len(styles)) == ("list", 19)
    assert styles["khokhloma"]["title_ru"] == "Хохлома"
    assert styles["flat"] == {
        "name": "flat",
        "title": "Flat icon (demonstration)",
        "title_ru": "Плоский значок (демонстрация)",
        "template": "{prompt}, flat style",
        "negative_prompt": None,
    }


def test_an_operator_may_have_others(valkey_url: str, session_images: str, tmp_path: Path) -> None:
    file = tmp_path / "styles.json"
    file.write_text('[{"name": "ink", "title": "Ink", "title_ru": "Тушь", "template": "ink, {prompt}"}]')
    settings = GatewaySettings(redis_url=valkey_url, images_url=session_images, styles_file=file)
    with serving(settings) as url:
        listed = httpx.get(f"{url}/v1/styles", trust_env=False).json()
    assert [style["name"] for style in listed["data"]] == ["ink"]
