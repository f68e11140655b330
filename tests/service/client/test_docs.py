"""The examples of docs/client.md run."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.client import Kandinsky
from tests.pictures import encoded
from tests.service.conftest import FakeWorker
from worker.jobs.backlog import Backlog
from worker.jobs.job import Priority

PAGE = (Path(__file__).parents[3] / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PICTURE = encoded(Image.new("RGB", (128, 128), "red"))
#: For `stale`: jobs of any age.
ANY_AGE = -60_000


@pytest.fixture
def busy_worker(
    family: None, worker: FakeWorker, backlog: Backlog, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A worker that draws whatever is asked for, as soon as it is."""
    monkeypatch.setattr("tests.service.conftest.PICTURE", PICTURE)
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            for queue in backlog.queues():
                for job_id in backlog.stale(queue, Priority.INTERACTIVE, ANY_AGE):
                    claim = worker.claim(job_id)
                    worker.report(claim, 1)
                    worker.store.report_preview(claim, 1, b"preview", "image/webp")
                    worker.succeed(claim)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("busy_worker")
def test_the_examples_do_what_they_say(
    gateway_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.png").write_bytes(PICTURE)
    names: dict[str, object] = {}
    for example in EXAMPLES:
        exec(example.replace("http://127.0.0.1:8000", gateway_url), names)
    printed = capsys.readouterr().out
    assert len(list(tmp_path.glob("apple-*.png"))) == 2
    assert Path("large.png").read_bytes() == PICTURE
    assert "succeeded" in printed
    assert "\ninvalid_request width width should be" in printed


def test_every_method_is_documented() -> None:
    methods = {name for name in vars(Kandinsky) if not name.startswith("_")} - {"close"}
    assert methods == set(re.findall(r"`(\w+)\(", PAGE)) & methods
