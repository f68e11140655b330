"""How a wrong value is told."""

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from service.validation import describe, field_name


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field("apple", max_length=5)
    count: int = Field(1, le=3)

    @field_validator("name")
    @classmethod
    def _check(cls, value: str) -> str:
        if value == "pear":
            raise ValueError("should be in season")
        return value


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"count": 4}, "count should be less than or equal to 3, got 4"),
        ({"name": "banana"}, "name should have at most 5 characters, got 'banana'"),
        ({"name": "pear"}, "name should be in season, got 'pear'"),
        ({"colour": 1}, "colour is not a field of this request"),
        ({"name": 10**100}, f"name should be a valid string, got {'1' + '0' * 79}..."),
    ],
)
def test_field_value_and_limit_are_named(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Order.model_validate(fields)
    (error,) = caught.value.errors()
    assert describe(field_name(error["loc"]), error) == said


def test_a_name_is_short_and_can_be_encoded() -> None:
    assert field_name(("metadata", 0, "\ud800")) == "metadata.0.\\ud800"
    assert len(field_name(("x" * 1000,))) == 80
