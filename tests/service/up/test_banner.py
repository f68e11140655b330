"""What `kandinsky up` offers."""

from dataclasses import replace
from pathlib import Path

import pytest

from service.up.banner import banner, offered
from service.up.stack import Stack
from service.up.valkey import EmbeddedValkey
from tests.service.conftest import FAMILY, PAINTERS, WORKER
from worker.jobs.catalog import Catalog
from worker.jobs.stages import Kind

OFFERS = {Kind.TEXT_TO_IMAGE: ["base", "fast"], Kind.SUPER_RESOLUTION: ["x4"]}


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(
        host="0.0.0.0",
        port=9000,
        data=tmp_path,
        checkpoints=None,
        log_format="auto",
        valkey=EmbeddedValkey(tmp_path, 1, "x"),
        valkey_binary=tmp_path,
        lock=0,
    )


def test_what_is_served_is_offered_by_kind(catalog: Catalog) -> None:
    catalog.publish(PAINTERS, FAMILY, ttl_seconds=60)
    assert offered(catalog) == {
        Kind.TEXT_TO_IMAGE: ["artist", "fast", "tiny"],
        Kind.IMAGE_TO_IMAGE: ["artist", "fast"],
        Kind.SUPER_RESOLUTION: ["x2", "x4"],
        Kind.INPAINTING: ["painter"],
        Kind.OUTPAINTING: ["painter"],
        Kind.BEAUTIFICATION: ["writer"],
    }
    catalog.withdraw(PAINTERS.id)
    assert offered(catalog) == {Kind.TEXT_TO_IMAGE: ["tiny"]}
    catalog.withdraw(WORKER.id)
    assert offered(catalog) == {}


def test_each_kind_has_a_line_of_models_and_a_command(stack: Stack) -> None:
    lines = banner(stack, OFFERS).splitlines()
    assert "  text-to-image     base, fast" in lines
    assert "  super-resolution  x4" in lines
    assert [line.split()[1] for line in lines if "--url http://127.0.0.1:9000" in line] == [
        "generate",
        "upscale",
    ]


def test_what_is_not_served_is_not_shown(stack: Stack) -> None:
    said = banner(stack, {Kind.SUPER_RESOLUTION: ["x4"]})
    assert "upscale" in said
    assert "generate" not in said
    assert "curl" not in said


def test_where_a_key_is_needed_it_is_said_how_to_come_by_one(stack: Stack) -> None:
    said = banner(replace(stack, needs_key=True), OFFERS)
    assert f"keys create --name NAME --data {stack.data}" in said
    assert '-H "Authorization: Bearer $KANDINSKY_API_KEY"' in said
    assert "KANDINSKY_API_KEY" not in banner(stack, OFFERS)
