"""The command line: what runs the service, and what asks it for something."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from service import commands
from service.failure import explain, fail
from service.options import Checkpoints

#: What the extra `worker` brings, by the names they are imported by.
WORKER_LIBRARIES = ("numpy", "torch", "transformers")
#: Of a command that gives all its options to another program.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="kandinsky",
    help="Pictures by the networks of the Kandinsky 3 family.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on (KANDINSKY_HOST).")]
Port = Annotated[int | None, typer.Option(help="TCP port to listen on (KANDINSKY_PORT).")]


@app.command()
def gateway(host: Host = None, port: Port = None) -> None:
    """Serve the HTTP interface; everything else is set by KANDINSKY_* variables."""
    from service.listener import CannotStart
    from service.server import serve
    from service.settings import GatewaySettings

    try:
        serve(GatewaySettings(**_given({"host": host, "port": port})))
    except ValidationError as error:
        fail(explain(error, _variable))
    except CannotStart as error:
        fail(str(error))


@app.command()
def worker(
    context: typer.Context,
    checkpoints: Checkpoints = None,
    models: Annotated[
        str | None, typer.Option(help="Models to serve, with commas; all if left out (KANDINSKY_MODELS).")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="How networks share the device's memory (KANDINSKY_MEMORY).")
    ] = None,
    language_model: Annotated[
        str | None, typer.Option(help="What makes prompts richer, or `none` (KANDINSKY_LANGUAGE_MODEL).")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N (KANDINSKY_DEVICE).")] = None,
    queues: Annotated[
        str | None, typer.Option(help="Families of queues to serve, with commas (KANDINSKY_QUEUES).")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Jobs held at once (KANDINSKY_CONCURRENCY).")
    ] = None,
) -> None:
    """Run jobs on one device; everything else is set by KANDINSKY_* variables."""
    variables = {_variable(name): str(value) for name, value in _given(context.params).items()}
    _become("worker.main", (), variables)


@app.command(add_help_option=False, context_settings=PASS_ON)
def weights(context: typer.Context) -> None:
    """List, pull, verify and convert official weights, plan what fits a device; `weights --help` tells."""
    _become("model.hub", context.args)


@app.command()
def up(
    port: Annotated[int, typer.Option(help="TCP port of the gateway.")] = 8000,
    host: Annotated[str, typer.Option(help="Address of the gateway.")] = "127.0.0.1",
    data: Annotated[Path, typer.Option(help="Folder that keeps jobs and pictures.")] = Path("data"),
    checkpoints: Checkpoints = None,
) -> None:
    """Run Redis, one worker and the gateway on this machine until Ctrl-C."""
    from service.up.run import run

    try:
        raise typer.Exit(run(port, host, data, checkpoints))
    except ValidationError as error:
        fail(explain(error))


for command in (
    commands.generate,
    commands.transform,
    commands.inpaint,
    commands.outpaint,
    commands.upscale,
    commands.beautify,
):
    app.command()(command)


def _become(module: str, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    """Run a module in place of this process, which has not loaded and never loads what it needs."""
    missing = [name for name in WORKER_LIBRARIES if find_spec(name) is None]
    if missing:
        fail(f"this needs {', '.join(missing)}: install kandinsky-serve[worker]")
    environment = {**os.environ, **(variables or {})}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were not left out."""
    return {name: value for name, value in options.items() if value is not None}


def _variable(setting: str) -> str:
    return f"KANDINSKY_{setting.upper()}"


if __name__ == "__main__":
    app()
