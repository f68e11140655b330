"""The command line: what runs the service, and what asks it for something."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from service.cli import asking, keys
from service.cli.failure import explain, fail, variable
from service.cli.options import Checkpoints

#: What each extra brings, by the names that it is imported by.
LIBRARIES = {"worker": ("numpy", "torch", "transformers"), "mock": ("numpy",)}
#: Of a command that gives all its options to another program.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="kandinsky",
    help="Pictures by the networks of the Kandinsky 3 family.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(keys.app)

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
        fail(explain(error, variable))
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
    variables = {variable(name): str(value) for name, value in _given(context.params).items()}
    environment = {**os.environ, **variables}
    is_mock = environment.get(variable("checkpoints")) == "mock"
    _become("worker.main", (), "mock" if is_mock else "worker", environment)


@app.command(add_help_option=False, context_settings=PASS_ON)
def weights(context: typer.Context) -> None:
    """List, pull, verify and convert official weights, plan what fits a device; `weights --help` tells."""
    _become("model.hub", context.args, "worker", os.environ)


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
        fail(explain(error, variable))


for command in (
    asking.generate,
    asking.transform,
    asking.inpaint,
    asking.outpaint,
    asking.upscale,
    asking.beautify,
):
    app.command()(command)


def _become(module: str, arguments: Sequence[str], extra: str, environment: Mapping[str, str]) -> None:
    """Run a module, which needs an extra, in place of this process, which never loads it."""
    missing = [name for name in LIBRARIES[extra] if find_spec(name) is None]
    if missing:
        fail(f"this needs {', '.join(missing)}: install kandinsky-serve[{extra}]")
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], dict(environment))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were not left out."""
    return {name: value for name, value in options.items() if value is not None}


if __name__ == "__main__":
    app()
