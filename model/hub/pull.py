"""Published weights from the hub into a folder, at one commit; what was cut short goes on."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import ModelInfo
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from model.hub.catalog import FilesMissing, Published
from model.hub.lock import NAME, Lock, LockedFile, fault_of

#: What a file is called until it is whole.
INCOMPLETE = ".incomplete"


class PullError(Exception):
    """Weights cannot be pulled; the message names what, and what to do about it."""


def pull(published: Published, place: Path, revision: str | None = None, api: HfApi | None = None) -> Path:
    """Brings the files that are wanted into a folder in `place`, and returns it.

    The commit is that of `revision`, else that of the folder's lock, else that of the catalog's revision; the
    lock is written before anything is downloaded, so that it goes on at the same commit. Raises PullError.
    """
    api = api or HfApi()
    folder = place / published.folder
    lock = plan(published, folder, revision, api)
    # The lock has files of other models too, which may have been deleted to save room.
    wanted = {name: lock.files[name] for name in published.choose(list(lock.files))}
    missing = {name: file for name, file in wanted.items() if fault_of(folder / name, file, sums=False)}
    _require_space(folder, missing)
    lock.write(folder)
    for name, file in missing.items():
        _download(lock, name, file, folder, api)
    return folder


def plan(published: Published, folder: Path, revision: str | None, api: HfApi) -> Lock:
    """What a folder will hold: what its lock says, and what is pulled now. Raises PullError."""
    before = Lock.read(folder)
    info = _ask(published, revision or (before.commit if before else published.revision), api)
    if before and (before.repository, before.commit) != (published.repository, info.sha):
        raise PullError(
            f"{folder} holds {before.repository} at {before.commit}, not {published.repository} at "
            f"{info.sha}: give another folder, or delete its {NAME} to replace the files"
        )
    lock = before or Lock(published.repository, str(info.sha), {})
    try:
        return lock.with_files(_wanted(published, info))
    except ValueError as error:
        raise PullError(f"{published.repository} at {info.sha}: {error}") from error


def check_offline(published: Published, place: Path) -> Path:
    """The folder, if all that is wanted was pulled into it before; asks no hub. Raises PullError."""
    folder = place / published.folder
    lock = Lock.read(folder)
    if lock is None:
        raise PullError(f"{folder} has no {NAME}: {published.name} was not pulled into it")
    try:
        wanted = published.choose(list(lock.files))
    except FilesMissing as error:
        raise PullError(f"{folder}: {published.name} was not pulled into it: {error}") from error
    faults = [fault_of(folder / name, lock.files[name], sums=False) for name in wanted]
    if found := [fault for fault in faults if fault]:
        raise PullError("; ".join(found))
    return folder


def _ask(published: Published, revision: str, api: HfApi) -> ModelInfo:
    repository = published.repository
    try:
        return api.model_info(repository, revision=revision, files_metadata=True)
    except RevisionNotFoundError as error:
        raise PullError(f"{repository} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise PullError(f"{repository} is not on {api.endpoint}, or a token (HF_TOKEN) is wanted") from error
    except (httpx2.HTTPError, OSError) as error:
        raise PullError(f"{api.endpoint} cannot be asked for {repository}: {error}") from error


def _wanted(published: Published, info: ModelInfo) -> dict[str, LockedFile]:
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or []}
    try:
        names = published.choose(list(siblings))
    except FilesMissing as error:
        raise PullError(f"{error} at {info.sha}") from error
    return {
        name: LockedFile(siblings[name].size or 0, lfs.sha256 if (lfs := siblings[name].lfs) else None)
        for name in names
    }


def _require_space(folder: Path, missing: Mapping[str, LockedFile]) -> None:
    needed = sum(file.size - _downloaded(folder / name) for name, file in missing.items())
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise PullError(f"{folder} needs {needed / 1e9:.1f} GB more, and {free / 1e9:.1f} GB are free")


def _downloaded(path: Path) -> int:
    incomplete = path.with_name(path.name + INCOMPLETE)
    return incomplete.stat().st_size if incomplete.exists() else 0


def _download(lock: Lock, name: str, file: LockedFile, folder: Path, api: HfApi) -> None:
    """Downloads one file, from where it was cut short.

    `hf_hub_download` would start it again: it keeps nothing of a file that it could not end.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    incomplete = path.with_name(path.name + INCOMPLETE)
    if _downloaded(path) > file.size:
        incomplete.unlink()
    url = hf_hub_url(lock.repository, name, revision=lock.commit, endpoint=api.endpoint)
    try:
        with incomplete.open("ab") as opened:
            http_get(
                url,
                opened,
                resume_size=opened.tell(),
                headers=build_hf_headers(token=api.token),
                expected_size=file.size,
                displayed_filename=name,
            )
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise PullError(f"{url} was cut short, pull again to go on: {error}") from error
    if fault := fault_of(incomplete, file, sums=True):
        incomplete.unlink()
        raise PullError(f"{fault}; it is deleted, pull again")
    incomplete.replace(path)
