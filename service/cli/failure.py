"""How a command ends that cannot go on: with one line that says why."""

from collections.abc import Callable
from typing import Any, NoReturn

import typer
from pydantic import ValidationError

from service.validation import describe, field_name
from worker.jobs.settings import hide_password


def fail(message: str) -> NoReturn:
    """Say it and end with exit code 1."""
    typer.echo(f"kandinsky: {message}", err=True)
    raise typer.Exit(1)


def variable(setting: str) -> str:
    """The environment variable that sets it."""
    return f"KANDINSKY_{setting.upper()}"


def explain(error: ValidationError, name: Callable[[str], str] = str) -> str:
    """All faults of an error in one line; `name` makes of a field what the user knows it as."""
    return "; ".join(describe(name(field_name(part["loc"])), _hidden(part)) for part in error.errors())


def _hidden(fault: Any) -> Any:
    """A fault without the password of a URL, before the sentence about it is cut."""
    given = fault["input"]
    return {**fault, "input": hide_password(given)} if isinstance(given, str) else fault
