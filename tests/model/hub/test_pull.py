"""Pulling from a real HTTP server that speaks the hub's API."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE

from model.family import find_checkpoints
from model.hub.catalog import Published, find_published
from model.hub.lock import NAME, Lock
from model.hub.pull import INCOMPLETE, PullError, check_offline, pull
from tests.model.hub.server import COMMIT, Hub, serving

REPOSITORY = "owner/Model"
MODEL = Published("model", REPOSITORY, "nothing", ("config.json", "weights/*.pt"), 0.0)
ONE_FILE = Published("weights", REPOSITORY, "nothing", ("weights/*.pt",), 0.0)
FILES = {"config.json": b"{}", "weights/a.pt": bytes(range(200)) * 50, "README.md": b"not wanted"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub of one small repository."""
    with serving(Hub(REPOSITORY, dict(FILES))) as hub:
        yield hub


def test_only_what_is_wanted(hub: Hub, tmp_path: Path) -> None:
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert folder == tmp_path / "Model"
    assert (folder / "weights" / "a.pt").read_bytes() == FILES["weights/a.pt"]
    assert sorted(file.name for file in folder.rglob("*.*")) == ["a.pt", "config.json", NAME]


def test_commit_is_locked(hub: Hub, tmp_path: Path) -> None:
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    lock = Lock.read(folder)
    assert lock is not None
    assert (lock.repository, lock.commit, sorted(lock.files)) == (
        REPOSITORY,
        COMMIT,
        ["config.json", "weights/a.pt"],
    )
    assert list(lock.faults(folder, sums=True)) == []


def test_what_is_there_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    (folder / "config.json").unlink()
    pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert Counter(name for name, _ in hub.asked) == {"config.json": 2, "weights/a.pt": 1}


def test_a_connection_that_is_cut_is_taken_up(hub: Hub, tmp_path: Path) -> None:
    content = bytes(range(256)) * (DOWNLOAD_CHUNK_SIZE // 128)
    hub.files["weights/a.pt"], hub.cut_after = content, DOWNLOAD_CHUNK_SIZE + 300
    folder = pull(ONE_FILE, tmp_path, api=HfApi(hub.url))
    assert hub.asked == [("weights/a.pt", ""), ("weights/a.pt", f"bytes={DOWNLOAD_CHUNK_SIZE}-")]
    assert (folder / "weights" / "a.pt").read_bytes() == content


def test_a_pull_that_was_killed_goes_on(hub: Hub, tmp_path: Path) -> None:
    incomplete = tmp_path / "Model" / "weights" / f"a.pt{INCOMPLETE}"
    incomplete.parent.mkdir(parents=True)
    incomplete.write_bytes(FILES["weights/a.pt"][:1234])
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert hub.asked[-1] == ("weights/a.pt", "bytes=1234-")
    assert (folder / "weights" / "a.pt").read_bytes() == FILES["weights/a.pt"]
    assert not incomplete.exists()


def test_other_bytes_than_published_are_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.broken["weights/a.pt"] = bytes(len(FILES["weights/a.pt"]))
    with pytest.raises(PullError, match=r"a\.pt\.incomplete is not what was published: its SHA-256 is"):
        pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert list(tmp_path.rglob("a.pt*")) == []


def test_the_lock_holds_the_commit_when_the_branch_goes_on(hub: Hub, tmp_path: Path) -> None:
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    hub.branches = {"main": "f" * 40, "old": COMMIT}
    (folder / "config.json").unlink()
    pull(MODEL, tmp_path, api=HfApi(hub.url))
    lock = Lock.read(folder)
    assert lock is not None
    assert lock.commit == COMMIT


def test_two_commits_are_not_mixed(hub: Hub, tmp_path: Path) -> None:
    pull(MODEL, tmp_path, api=HfApi(hub.url))
    hub.branches["next"] = "f" * 40
    with pytest.raises(PullError, match=rf"holds owner/Model at {COMMIT}, not owner/Model at ffff"):
        pull(MODEL, tmp_path, "next", HfApi(hub.url))


def test_models_of_a_repository_share_a_folder(hub: Hub, tmp_path: Path) -> None:
    pull(Published("config", REPOSITORY, "", ("config.json",), 0.0), tmp_path, api=HfApi(hub.url))
    folder = pull(ONE_FILE, tmp_path, api=HfApi(hub.url))
    lock = Lock.read(folder)
    assert lock is not None
    assert sorted(lock.files) == ["config.json", "weights/a.pt"]


def test_what_was_deleted_of_another_model_stays_so(hub: Hub, tmp_path: Path) -> None:
    config = Published("config", REPOSITORY, "", ("config.json",), 0.0)
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    for name in ("config.json", "weights/a.pt"):
        (folder / name).unlink()
    hub.asked.clear()
    pull(config, tmp_path, api=HfApi(hub.url))
    assert hub.asked == [("config.json", "")]
    assert not (folder / "weights" / "a.pt").exists()


@pytest.mark.parametrize("name", ["/config.json", "../config.json", "a\\../config.json", "a\0/config.json"])
def test_names_that_lead_out_of_the_folder(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.files[name] = b"not wanted"
    model = Published("model", REPOSITORY, "", ("*/config.json",), 0.0)
    with pytest.raises(PullError, match=f"owner/Model at {COMMIT}: '.*' is no path inside a folder"):
        pull(model, tmp_path / "weights", api=HfApi(hub.url))
    assert (hub.asked, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("published", "revision", "says"),
    [
        (MODEL, "absent", "owner/Model has no revision 'absent'"),
        (Published("other", "owner/Other", "", ("*",), 0.0), None, "owner/Other is not on http"),
        (
            Published("model", REPOSITORY, "", ("x.bin|y.bin",), 0.0),
            None,
            "has no file x.bin or y.bin at 0123",
        ),
    ],
)
def test_what_is_not_there(
    hub: Hub, tmp_path: Path, published: Published, revision: str | None, says: str
) -> None:
    with pytest.raises(PullError, match=says):
        pull(published, tmp_path, revision, HfApi(hub.url))
    assert list(tmp_path.iterdir()) == []


def test_no_hub(tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"http://127\.0\.0\.1:9 cannot be asked for owner/Model"):
        pull(MODEL, tmp_path, api=HfApi("http://127.0.0.1:9"))


def test_too_little_space(hub: Hub, tmp_path: Path) -> None:
    hub.claimed["weights/a.pt"] = 10**18
    with pytest.raises(PullError, match=r"Model needs 1000000000\.0 GB more, and \d+\.\d GB are free"):
        pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert hub.asked == []


def test_offline(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"has no hub\.lock\.json: model was not pulled into it"):
        check_offline(MODEL, tmp_path)
    folder = pull(MODEL, tmp_path, api=HfApi(hub.url))
    assert check_offline(MODEL, tmp_path) == folder
    (folder / "config.json").unlink()
    (folder / "weights" / "a.pt").write_bytes(b"short")
    with pytest.raises(PullError, match=r"config\.json is missing; .*a\.pt has 5 bytes, not 10000"):
        check_offline(MODEL, tmp_path)


def test_flash_as_a_user_pulls_it(published_folder: Path, tmp_path: Path) -> None:
    source = published_folder / "Kandinsky3.1"
    files = {str(file.relative_to(source)): file.read_bytes() for file in source.rglob("*") if file.is_file()}
    with serving(Hub(find_published("kandinsky-3-flash").repository, files)) as hub:
        command = (sys.executable, "-m", "model.hub", "pull", "kandinsky-3-flash", "--folder", str(tmp_path))
        subprocess.run(command, check=True, env=os.environ | {"HF_ENDPOINT": hub.url}, capture_output=True)
    assert [found.name for found in find_checkpoints(tmp_path)] == ["kandinsky-3-flash"]
    assert not (tmp_path / "Kandinsky3.1" / "weights" / "kandinsky3.pt").exists()
