"""Published weights, on the command line: `python -m model.hub list | pull | verify | convert | plan`."""

import sys
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from model.hub.catalog import PUBLISHED, FilesMissing, NotPublished, Published, find_published
from model.hub.convert import Conversion, convert
from model.hub.lock import PARTIAL, Lock, fault_of
from model.hub.plan import PlanOptions, plan, print_plan
from model.hub.pull import PullError, check_offline, pull
from model.hub.verify import verify
from model.profiles import PROFILES
from model.weights import CheckpointError

app = typer.Typer(
    help="Published weights: what there is, onto this disk, checked, and in one layout.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
#: Where weights are kept unless another folder is given.
FOLDER = Path("weights")

#: What is told in one line.
ERRORS = (CheckpointError, PullError, OSError)

Folder = Annotated[Path, typer.Option(help="Where weights are kept, each repository in a folder of its own.")]


class Format(StrEnum):
    """Number formats that weights can be written in."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"

    @property
    def dtype(self) -> torch.dtype:
        """That of torch."""
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[self.value]


@app.command("list")
def list_published(folder: Folder = FOLDER) -> None:
    """Show the weights that were published, and which of them are on this disk."""
    table = Table("name", "about", "here", "does", box=None)
    for repository, entries in groupby(PUBLISHED, lambda published: published.repository):
        table.add_row(f"[bold]{repository}[/bold]")
        for published in entries:
            about, here = f"{published.gigabytes:.1f} GB", _state(published, folder / published.folder)
            table.add_row(f"  {published.name}", about, here, published.does)
    Console().print(table)


@app.command("pull")
def pull_published(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As `list` shows them.")],
    folder: Folder = FOLDER,
    revision: Annotated[
        str | None, typer.Option(help="Commit, branch or tag; that of the folder's lock by default.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no hub, only see that all was pulled before.")
    ] = False,
) -> None:
    """Download published weights; what is there stays, and what was cut short goes on."""
    for name in names:
        published = _published(name)
        try:
            where = check_offline(published, folder) if offline else pull(published, folder, revision)
        except ERRORS as error:
            raise _stop(str(error)) from error
        typer.echo(f"{name} is in {where}")


@app.command("verify")
def verify_folder(
    folder: Annotated[Path, typer.Argument(help="A model, or a folder of them.")],
    sums: Annotated[
        bool, typer.Option("--sums", help="Read every file that was pulled and compare its SHA-256.")
    ] = False,
) -> None:
    """Check that files are there and whole, and that their tensors are those that the networks want."""
    seen: set[str] = set()
    try:
        for name, faults in verify(folder, sums=sums):
            typer.echo(f"{'FAILED' if faults else 'ok':<7} {name}")
            for fault in faults:
                if fault not in seen:
                    typer.echo(f"        {fault}")
            seen.update(faults)
    except ERRORS as error:
        raise _stop(str(error)) from error
    if seen:
        raise _stop(f"{len(seen)} fault{'s' * (len(seen) > 1)} in {folder}")


@app.command("convert")
def convert_folder(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="A model, or a folder of them.")],
    target: Annotated[Path, typer.Argument(metavar="TO", help="Each model gets a folder of its own in it.")],
    dtype: Annotated[Format, typer.Option(help="Number format of the weights.")] = Format.BF16,
    shard_gigabytes: Annotated[float, typer.Option(min=0.000_001, help="Largest file.")] = 5.0,
) -> None:
    """Write models as safetensors in the folder layout of diffusers."""
    conversion = Conversion(dtype.dtype, int(shard_gigabytes * 1e9), _report, _keep)
    try:
        written = convert(source, target, conversion)
    except ERRORS as error:
        raise _stop(str(error)) from error
    typer.echo(f"{len(written)} model{'s' * (len(written) != 1)} in {target}")


@app.command("plan")
def plan_residency(
    memory: Annotated[float, typer.Option(help="Of the device, in GB.")],
    host_memory: Annotated[
        float | None, typer.Option(help="Of the machine beside it, in GB; enough by default.")
    ] = None,
    models: Annotated[str | None, typer.Option(help="Which, separated by commas; all by default.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Models on this disk; by default the published ones, by their sizes.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = None,
    dtype: Annotated[Format, typer.Option(help="Number format of the networks.")] = Format.BF16,
    side: Annotated[int, typer.Option(help="Side of the published models' pictures, in pixels.")] = 1024,
) -> None:
    """Show what would be resident on a machine, and what it costs; the machine need not be at hand."""
    names = tuple(models.split(",")) if models else ()
    try:
        options = PlanOptions(memory, host_memory, names, folder, profile, dtype.dtype, side)
        planned = plan(options)
    except (ValueError, OSError) as error:
        raise _stop(str(error)) from error
    print_plan(planned, Console())
    if planned.profile is None:
        raise typer.Exit(1)


def _report(file: Path) -> None:
    model = file.parts[-3].removeprefix(".").removesuffix(PARTIAL)
    typer.echo(f"{model}/{file.parent.name}/{file.name}")


def _keep(folder: Path) -> None:
    typer.echo(f"{folder.name} was whole before, and is kept")


def _published(name: str) -> Published:
    try:
        return find_published(name)
    except NotPublished as error:
        raise _stop(str(error)) from error


def _state(published: Published, folder: Path) -> str:
    """What of published weights is in a folder."""
    try:
        lock = Lock.read(folder)
        if lock is None:
            return ""
        wanted = published.choose(list(lock.files))
        num_whole = sum(fault_of(folder / name, lock.files[name], sums=False) is None for name in wanted)
    except (CheckpointError, FilesMissing):
        return ""
    except OSError as error:
        return error.strerror or "unreadable"
    return f"at {lock.commit[:8]}" if num_whole == len(wanted) else f"{num_whole} of {len(wanted)} files"


def _stop(message: str) -> typer.Exit:
    print(f"error: {message}", file=sys.stderr)
    return typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m model.hub")
