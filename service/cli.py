"""The command line: `kandinsky gateway`, `worker` and `up`; `generate`, `inpaint` and `upscale`."""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from service.validation import describe, field_name
from worker.jobs.settings import hide_password

if TYPE_CHECKING:
    from service.requests import RenderingRequest

#: What the extra `worker` brings, by the names they are imported by.
WORKER_LIBRARIES = ("numpy", "torch", "transformers")
GATEWAY_URL = "http://127.0.0.1:8000"

app = typer.Typer(
    name="kandinsky",
    help="Pictures by the networks of the Kandinsky 3 family.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on (KANDINSKY_HOST).")]
Port = Annotated[int | None, typer.Option(help="TCP port to listen on (KANDINSKY_PORT).")]
Checkpoints = Annotated[
    str | None,
    typer.Option(help="Folders of the networks; the demonstration if left out (KANDINSKY_CHECKPOINTS)."),
]

Prompt = Annotated[str, typer.Argument(help="What the picture shows.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What it should not show.")]
Model = Annotated[str | None, typer.Option(help="One of the gateway's models.")]
NumImages = Annotated[int | None, typer.Option(help="How many pictures.")]
Steps = Annotated[int | None, typer.Option(help="Evaluations of the network per picture.")]
GuidanceScale = Annotated[float | None, typer.Option(help="How closely to follow the prompt.")]
Seed = Annotated[int | None, typer.Option(help="Equal seeds give equal pictures.")]
Sampler = Annotated[str | None, typer.Option(help="One of the model's samplers.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="File of the picture: .png, .webp or .jpg.")]
Url = Annotated[str, typer.Option(help="Address of the gateway.", envvar="KANDINSKY_URL")]


@app.command()
def gateway(host: Host = None, port: Port = None) -> None:
    """Serve the HTTP interface; everything else is set by KANDINSKY_* variables."""
    from service.listener import CannotStart
    from service.server import serve
    from service.settings import GatewaySettings

    try:
        serve(GatewaySettings(**_given(host=host, port=port)))
    except ValidationError as error:
        _fail(_describe(error, _variable))
    except CannotStart as error:
        _fail(str(error))


@app.command()
def worker(
    checkpoints: Checkpoints = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N (KANDINSKY_DEVICE).")] = None,
    queues: Annotated[
        str | None, typer.Option(help="Queues to serve, with commas (KANDINSKY_QUEUES).")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Jobs held at once (KANDINSKY_CONCURRENCY).")
    ] = None,
) -> None:
    """Run jobs on one device; everything else is set by KANDINSKY_* variables."""
    missing = [name for name in WORKER_LIBRARIES if find_spec(name) is None]
    if missing:
        _fail(f"a worker needs {', '.join(missing)}: install kandinsky-serve[worker]")
    options = _given(checkpoints=checkpoints, device=device, queues=queues, concurrency=concurrency)
    variables = {f"KANDINSKY_{name.upper()}": str(value) for name, value in options.items()}
    # In place of this process, which has not loaded and never loads what a worker needs.
    os.execve(sys.executable, [sys.executable, "-m", "worker.main"], {**os.environ, **variables})


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
        _fail(_describe(error))


@app.command()
def generate(
    prompt: Prompt,
    negative_prompt: NegativePrompt = None,
    model: Model = None,
    width: Annotated[int | None, typer.Option(help="In pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="In pixels.")] = None,
    aspect_ratio: Annotated[
        str | None, typer.Option(help="Such as 16:9, instead of width and height.")
    ] = None,
    num_images: NumImages = None,
    steps: Steps = None,
    guidance_scale: GuidanceScale = None,
    seed: Seed = None,
    sampler: Sampler = None,
    output: Output = Path("picture.png"),
    url: Url = GATEWAY_URL,
) -> None:
    """Draw pictures of PROMPT through a running gateway and save them; Ctrl-C cancels."""
    from service.requests import TextToImageRequest

    wishes = _given(
        prompt=prompt,
        negative_prompt=negative_prompt,
        model=model,
        width=width,
        height=height,
        aspect_ratio=aspect_ratio,
        num_images=num_images,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        sampler=sampler,
    )
    _draw(TextToImageRequest, wishes, output, url)


@app.command()
def inpaint(
    prompt: Prompt,
    image: Annotated[Path, typer.Option(help="File of the picture: PNG, JPEG or WebP.")],
    mask: Annotated[
        Path, typer.Option(help="File of its mask, of the same size: white or transparent is drawn anew.")
    ],
    negative_prompt: NegativePrompt = None,
    model: Model = None,
    feather: Annotated[
        int | None, typer.Option(help="Width in pixels of the seam between old and new.")
    ] = None,
    paste_back: Annotated[
        bool | None, typer.Option(help="Keep what is outside the mask as it is; the default.")
    ] = None,
    num_images: NumImages = None,
    steps: Steps = None,
    guidance_scale: GuidanceScale = None,
    seed: Seed = None,
    sampler: Sampler = None,
    output: Output = Path("inpainted.png"),
    url: Url = GATEWAY_URL,
) -> None:
    """Draw the masked part of a picture anew, so that the whole shows PROMPT; Ctrl-C cancels."""
    from service.requests import InpaintingRequest

    wishes = _given(
        prompt=prompt,
        image=image,
        mask=mask,
        negative_prompt=negative_prompt,
        model=model,
        feather=feather,
        paste_back=paste_back,
        num_images=num_images,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        sampler=sampler,
    )
    _draw(InpaintingRequest, wishes, output, url)


@app.command()
def upscale(
    image: Annotated[Path, typer.Argument(help="File of the picture: PNG, JPEG or WebP.")],
    scale: Annotated[int | None, typer.Option(help="2 or 4 times as wide and as high.")] = None,
    model: Model = None,
    steps: Steps = None,
    seed: Seed = None,
    output: Output = Path("larger.png"),
    url: Url = GATEWAY_URL,
) -> None:
    """Make the picture in the file IMAGE larger through a running gateway; Ctrl-C cancels."""
    from service.requests import SuperResolutionRequest

    wishes = _given(image=image, scale=scale, model=model, steps=steps, seed=seed)
    _draw(SuperResolutionRequest, wishes, output, url)


def _draw(kind: "type[RenderingRequest]", wishes: dict[str, Any], output: Path, url: str) -> None:
    from service.client import ClientError
    from service.drawing import Canceled, draw

    try:
        for path in draw(kind, wishes, output, url):
            typer.echo(path)
    except ValidationError as error:
        _fail(_describe(error))
    except ClientError as error:
        _fail(str(error))
    except Canceled:
        typer.echo("canceled", err=True)
        raise typer.Exit(130) from None


def _given(**options: Any) -> dict[str, Any]:
    """The options that were not left out."""
    return {name: value for name, value in options.items() if value is not None}


def _variable(setting: str) -> str:
    return f"KANDINSKY_{setting.upper()}"


def _describe(error: ValidationError, name: Callable[[str], str] = str) -> str:
    faults = "; ".join(describe(name(field_name(part["loc"])), part) for part in error.errors())
    return hide_password(faults)


def _fail(message: str) -> NoReturn:
    typer.echo(f"kandinsky: {message}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
