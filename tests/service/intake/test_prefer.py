"""The `Prefer` header."""

import pytest

from service.intake.prefer import wait_seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["wait=10"], 10),
        (["WAIT=10"], 10),
        ([" wait = 10 "], 10),
        (['wait="10"'], 10),
        (["wait=10;strict"], 10),
        (["respond-async, wait=10"], 10),
        (["return=minimal", "wait=5"], 5),
        (["wait=1, wait=2"], 1),
        (["wait=0"], 0),
        (["wait=61"], 60),
        (["wait=999999999"], 60),
        (["wait=9999999999"], None),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["await=1"], None),
        ([""], None),
        ([], None),
    ],
)
def test_wait_is_found_and_limited(headers: list[str], seconds: int | None) -> None:
    assert wait_seconds(headers) == seconds
