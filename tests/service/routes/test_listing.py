"""GET /v1/jobs."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.service.conftest import FakeWorker
from worker.jobs.store import JobStore

Submit = Callable[..., dict[str, Any]]


def pages(http: httpx.Client, **query: str | int) -> list[list[str]]:
    """The ids of each page, to the last one."""
    found, cursor = [], None
    while True:
        page = http.get("/v1/jobs", params={**query, **({"cursor": cursor} if cursor else {})}).json()
        found.append([job["id"] for job in page["data"]])
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            return found


def test_nobody_has_jobs_at_first(http: httpx.Client) -> None:
    assert http.get("/v1/jobs").json() == {
        "object": "list",
        "data": [],
        "has_more": False,
        "next_cursor": None,
    }


def test_a_listed_job_is_as_it_is_shown(http: httpx.Client, submit: Submit) -> None:
    jobs = sorted([submit(), submit()], key=lambda job: str(job["id"]), reverse=True)
    assert http.get("/v1/jobs").json()["data"] == [http.get(job["urls"]["self"]).json() for job in jobs]


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 4), (2, [2, 2]), (3, [3, 1]), (4, [4]), (100, [4])])
def test_pages_hold_every_job_once(http: httpx.Client, submit: Submit, limit: int, sizes: list[int]) -> None:
    ids = sorted((submit()["id"] for _ in range(4)), reverse=True)
    found = pages(http, limit=limit)
    assert [len(page) for page in found] == sizes
    assert [job_id for page in found for job_id in page] == ids


def test_a_page_goes_on_where_the_last_one_ended_though_jobs_come(http: httpx.Client, submit: Submit) -> None:
    oldest = submit()["id"]
    submit()
    cursor = http.get("/v1/jobs", params={"limit": 1}).json()["next_cursor"]
    submit()
    page = http.get("/v1/jobs", params={"limit": 1, "cursor": cursor}).json()
    assert [job["id"] for job in page["data"]] == [min(oldest, cursor)]


def test_by_status(http: httpx.Client, submit: Submit, worker: FakeWorker, store: JobStore) -> None:
    queued, running, canceled = (submit()["id"] for _ in range(3))
    worker.claim(running)
    store.cancel(canceled)
    assert pages(http, status="queued") == [[queued]]
    assert pages(http, status="running") == [[running]]
    assert pages(http, status="canceled") == [[canceled]]
    assert pages(http, status="failed") == [[]]


@pytest.mark.usefixtures("family")
def test_by_kind(http: httpx.Client, submit: Submit) -> None:
    submit()
    prompt = http.post("/v1/prompts/beautify", json={"prompt": "x"}).json()["id"]
    assert pages(http, kind="beautification") == [[prompt]]


def test_rare_jobs_are_found_page_by_page(
    http: httpx.Client, submit: Submit, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.answers.listing.MAX_SEEN", 2)
    ids = sorted(submit()["id"] for _ in range(5))
    store.cancel(ids[0])
    assert pages(http, status="canceled") == [[], [], [ids[0]]]


def test_a_removed_job_is_not_listed(http: httpx.Client, submit: Submit) -> None:
    http.delete(submit()["urls"]["self"])
    assert pages(http) == [[]]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"status": "done"}, "status"),
        ({"kind": "video"}, "kind"),
        ({"cursor": "job_1"}, "cursor"),
        ({"cursor": "[-"}, "cursor"),
    ],
)
def test_a_bad_query_is_named(http: httpx.Client, query: dict[str, str], param: str) -> None:
    response = http.get("/v1/jobs", params=query)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (422, "invalid_request", param)
