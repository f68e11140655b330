"""What docs/mock.md says is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

from service.up.valkey import free_port
from worker.mock.cards import all_cards
from worker.mock.directives import CENSOR
from worker.settings import MOCK_FAILURES, WorkerSettings

PAGE = (Path(__file__).parents[3] / "docs" / "mock.md").read_text(encoding="utf-8")


def test_every_model_directive_and_setting_is_there() -> None:
    models = {
        name for row in re.findall(r"^\| (.*?) \|", PAGE, re.M) for name in re.findall(r"`(mock\S*)`", row)
    }
    assert models == {card.id for card in all_cards()} | {f"mock:{name}" for name in (*MOCK_FAILURES, CENSOR)}
    settings = {name for name in WorkerSettings.model_fields if name.startswith("mock_")}
    assert settings == {name.lower() for name in re.findall(r"^\| `KANDINSKY_(MOCK_\w+)`", PAGE, re.M)}


def test_the_ci_recipe_works(tmp_path: Path) -> None:
    recipe = PAGE.split("## In CI")[1].split("```bash\n")[1].split("```")[0]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    script = recipe.replace("8000", str(free_port()))
    command = ["bash", "-e", "-c", script]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    log = tmp_path / "kandinsky.log"
    assert ran.returncode == 0, ran.stdout + ran.stderr + log.read_text()
    assert "ended with 70" in log.read_text()
