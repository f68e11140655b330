"""`schemathesis` over the whole OpenAPI description: no 5xx, no undocumented status, no break of a schema."""

import subprocess
import sys
from pathlib import Path

import pytest

from worker.jobs.keys import Key

#: How long its own process may take.
SECONDS = 600
#: All checks but one. What a request may ask for depends on more than a schema can say: on the limits of the
#: models that are served, on fields together, and on whether the bytes of a picture are one.
CHECKS = ("--checks=all", "--exclude-checks=positive_data_acceptance")
#: Of each kind, for each route.
NUM_EXAMPLES = 50


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
def test_the_gateway_does_what_its_description_says(url: str, key: tuple[Key, str], tmp_path: Path) -> None:
    command = (
        "-m",
        "schemathesis.cli",
        "run",
        f"{url}/openapi.json",
        "-H",
        f"Authorization: Bearer {key[1]}",
    )
    options = (f"--max-examples={NUM_EXAMPLES}", "--seed=5", "--request-timeout=60", "--no-color")
    ran = subprocess.run(
        [sys.executable, *command, *CHECKS, *options], capture_output=True, text=True, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
