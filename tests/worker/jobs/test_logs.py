"""Log lines have one form, whoever writes them; in a process of its own, whose log may change for good."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, warnings
import structlog
from worker.jobs.logs import configure_logs

configure_logs(sys.argv[1])
structlog.get_logger().info("ours", job_id="job_1")
logging.getLogger("library").warning("theirs, %s", "formatted")
warnings.warn("a warning", stacklevel=1)
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
structlog.get_logger().debug("hidden")
logging.getLogger("httpx").info("HTTP Request: POST https://example.com/hook?token=secret")
"""


def lines(form: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, form], capture_output=True, check=True, text=True)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


@pytest.mark.parametrize("form", ["json", "auto"])
def test_every_line_is_json_for_machines(form: str) -> None:
    ours, theirs, warning, failed = map(json.loads, lines(form))
    assert (ours["event"], ours["level"], ours["job_id"]) == ("ours", "info", "job_1")
    assert (theirs["event"], theirs["level"]) == ("theirs, formatted", "warning")
    assert "UserWarning: a warning" in warning["event"]
    assert "ZeroDivisionError" in failed["exception"]
    assert all("timestamp" in entry for entry in (ours, theirs, warning, failed))


def test_lines_are_readable_for_people() -> None:
    text = "\n".join(lines("console"))
    assert "ours" in text
    assert "job_id=job_1" in text
    assert "hidden" not in text


@pytest.mark.parametrize("form", ["json", "console"])
def test_urls_that_others_have_named_are_not_told(form: str) -> None:
    assert "secret" not in "\n".join(lines(form))
