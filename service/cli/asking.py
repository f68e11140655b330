"""The commands that ask a running gateway for pictures or prompts.

Their options are the fields of requests, by the same names; they are read from the context of the command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from service.cli import options
from service.cli.failure import explain, fail
from service.cli.options import GATEWAY_URL

if TYPE_CHECKING:
    from service.requests import RenderingRequest

#: URL of the gateway, and the API key for it.
Address = tuple[str, str | None]


def generate(
    context: typer.Context,
    prompt: options.Prompt,
    negative_prompt: options.NegativePrompt = None,
    style: options.Style = None,
    beautify: options.Beautify = False,
    refine: options.Refine = None,
    upscale: options.Upscale = None,
    model: options.Model = None,
    width: options.Width = None,
    height: options.Height = None,
    aspect_ratio: options.AspectRatio = None,
    num_images: options.NumImages = None,
    steps: options.Steps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = None,
    sampler: options.Sampler = None,
    output: options.Output = Path("picture.png"),
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Draw pictures of PROMPT through a running gateway and save them; Ctrl-C cancels."""
    from service.requests import TextToImageRequest

    _draw(TextToImageRequest, context, output, (url, api_key))


def transform(
    context: typer.Context,
    prompt: options.Prompt,
    image: options.Image,
    strength: Annotated[
        float | None, typer.Option(help="How much to change, above 0 and at most 1, which is nearly all.")
    ] = None,
    negative_prompt: options.NegativePrompt = None,
    style: options.Style = None,
    beautify: options.Beautify = False,
    refine: options.Refine = None,
    upscale: options.Upscale = None,
    model: options.Model = None,
    width: options.Width = None,
    height: options.Height = None,
    aspect_ratio: options.AspectRatio = None,
    num_images: options.NumImages = None,
    steps: options.Steps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = None,
    sampler: options.Sampler = None,
    output: options.Output = Path("transformed.png"),
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Draw a picture again, so that it shows PROMPT; Ctrl-C cancels."""
    from service.requests import ImageToImageRequest

    _draw(ImageToImageRequest, context, output, (url, api_key))


def inpaint(
    context: typer.Context,
    prompt: options.Prompt,
    image: options.Image,
    mask: Annotated[
        Path, typer.Option(help="File of its mask, of the same size: white or transparent is drawn anew.")
    ],
    dilation: Annotated[
        int | None, typer.Option(help="By how many pixels the mask grows on every side.")
    ] = None,
    feather: options.Feather = None,
    paste_back: Annotated[
        bool | None, typer.Option(help="Keep what is outside the mask as it is; the default.")
    ] = None,
    negative_prompt: options.NegativePrompt = None,
    style: options.Style = None,
    beautify: options.Beautify = False,
    refine: options.Refine = None,
    upscale: options.Upscale = None,
    model: options.Model = None,
    num_images: options.NumImages = None,
    steps: options.Steps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = None,
    sampler: options.Sampler = None,
    output: options.Output = Path("inpainted.png"),
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Draw the masked part of a picture anew, so that the whole shows PROMPT; Ctrl-C cancels."""
    from service.requests import InpaintingRequest

    _draw(InpaintingRequest, context, output, (url, api_key))


def outpaint(
    context: typer.Context,
    prompt: options.Prompt,
    image: options.Image,
    left: options.Margin = 0,
    right: options.Margin = 0,
    top: options.Margin = 0,
    bottom: options.Margin = 0,
    feather: options.Feather = None,
    negative_prompt: options.NegativePrompt = None,
    style: options.Style = None,
    beautify: options.Beautify = False,
    refine: options.Refine = None,
    upscale: options.Upscale = None,
    model: options.Model = None,
    num_images: options.NumImages = None,
    steps: options.Steps = None,
    guidance_scale: options.GuidanceScale = None,
    seed: options.Seed = None,
    sampler: options.Sampler = None,
    output: options.Output = Path("outpainted.png"),
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Continue a picture beyond its edges, so that the whole shows PROMPT; Ctrl-C cancels."""
    from service.requests import OutpaintingRequest

    _draw(OutpaintingRequest, context, output, (url, api_key))


def upscale(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(help="File of the picture: PNG, JPEG or WebP.")],
    scale: Annotated[int | None, typer.Option(help="2 or 4 times as wide and as high.")] = None,
    refine: options.Refine = None,
    model: options.Model = None,
    steps: options.Steps = None,
    seed: options.Seed = None,
    output: options.Output = Path("larger.png"),
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Make the picture in the file IMAGE larger through a running gateway; Ctrl-C cancels."""
    from service.requests import SuperResolutionRequest

    _draw(SuperResolutionRequest, context, output, (url, api_key))


def beautify(
    context: typer.Context,
    prompt: options.Prompt,
    style: options.Style = None,
    model: options.Model = None,
    seed: options.Seed = None,
    url: options.Url = GATEWAY_URL,
    api_key: options.ApiKey = None,
) -> None:
    """Have a language model make PROMPT richer, and print what it says; Ctrl-C cancels."""
    from service.cli.drawing import reword

    with _readable_errors():
        typer.echo(reword(_wishes(context), url, api_key))


def _draw(kind: "type[RenderingRequest]", context: typer.Context, output: Path, address: Address) -> None:
    from service.cli.drawing import draw

    with _readable_errors():
        for path in draw(kind, _wishes(context), output, *address):
            typer.echo(path)


def _wishes(context: typer.Context) -> dict[str, Any]:
    """The fields of a request: the options that were not left out."""
    return {
        name: value
        for name, value in context.params.items()
        if value is not None and name not in ("output", "url", "api_key")
    }


@contextmanager
def _readable_errors() -> Iterator[None]:
    from service.cli.drawing import Canceled
    from service.client import ClientError

    try:
        yield
    except ValidationError as error:
        fail(explain(error))
    except ClientError as error:
        fail(str(error))
    except Canceled:
        typer.echo("canceled", err=True)
        raise typer.Exit(130) from None
