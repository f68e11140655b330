"""How a command ends that cannot go on: with one line that says why."""

from collections.abc import Callable
from typing import NoReturn

import typer
from pydantic import ValidationError

from service.validation import describe, field_name
from worker.jobs.settings import hide_password


def fail(message: str) -> NoReturn:
    """Say it and end with exit code 1."""
    typer.echo(f"kandinsky: {message}", err=True)
    raise typer.Exit(1)


def explain(error: ValidationError, name: Callable[[str], str] = str) -> str:
    """All faults of an error in one line; `name` makes of a field what the user knows it as."""
    faults = "; ".join(describe(name(field_name(part["loc"])), part) for part in error.errors())
    return hide_password(faults)
