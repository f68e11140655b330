"""Forms of runs."""

import pytest

from service.errors import InvalidRequest
from service.fusionbrain.requests import RunParams, read_run


@pytest.mark.parametrize("params", ['{"type": "GENERATE"}', b'{"type": "GENERATE"}'], ids=["field", "file"])
def test_params_are_json_in_a_field_or_in_a_file(params: str | bytes) -> None:
    read = read_run([("pipeline_id", b"one"), ("params", params)])
    assert read == {"pipeline_id": "one", "params": {"type": "GENERATE"}}


@pytest.mark.parametrize("params", ["{", b"\xff", ""], ids=["cut", "bytes", "empty"])
def test_params_that_are_no_json_are_refused(params: str | bytes) -> None:
    with pytest.raises(InvalidRequest, match="params should be JSON"):
        read_run([("params", params)])


def test_null_is_what_was_left_out() -> None:
    asked = {"generateParams": {"query": "a cat"}}
    names = ("style", "width", "height", "numImages", "negativePromptDecoder")
    assert RunParams.model_validate(asked | dict.fromkeys(names)) == RunParams.model_validate(asked)
