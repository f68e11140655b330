"""What `docs/content.md` shows works as it is shown."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.conftest import MakeJob
from tests.worker.stages import text_to_image
from worker.engine.sample import Pixels
from worker.finishing.finishing import Finishing
from worker.finishing.opening import open_finishing
from worker.jobs.stages import OutputFormat
from worker.settings import WorkerSettings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "content.md").read_text(encoding="utf-8")


def shown(language: str, word: str) -> str:
    """The only example in a language that has a word in it."""
    [example] = [
        text for text in re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL) if word in text
    ]
    return str(example)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder that is the present one."""
    folder = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def finishing(folder: Path) -> Finishing:
    """What a worker does with the key and the certificates that are shown."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    subprocess.run(["sh", "-e"], input=shown("sh", "openssl").encode(), check=True, capture_output=True)
    settings = WorkerSettings(
        watermark="kandinsky",
        credentials_certificate=folder / "chain.pem",
        credentials_key=folder / "credentials.key",
    )
    return open_finishing(settings)


@pytest.mark.parametrize(
    ("word", "says"),
    [("parameters", "рыжий кот, 3d style 7"), ("imwatermark", "b'kandinsky'"), ("c2pa", "Valid")],
    ids=["parameters", "watermark", "credentials"],
)
def test_what_a_picture_carries_is_read(
    finishing: Finishing,
    make_job: MakeJob,
    pixels: Pixels,
    capsys: pytest.CaptureFixture[str],
    word: str,
    says: str,
) -> None:
    for output_format in (OutputFormat.PNG, OutputFormat.JPEG):
        job = make_job(text_to_image(output_format=output_format))
        Path(f"picture.{output_format.value}").write_bytes(finishing.finish(job, 0, pixels).content)
    exec(shown("python", word), {})
    assert says in capsys.readouterr().out
