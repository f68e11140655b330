"""The options of the command line that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

GATEWAY_URL = "http://127.0.0.1:8000"

Checkpoints = Annotated[
    str | None,
    typer.Option(
        help="Folders of the networks, or `mock`; the demonstration if left out (KANDINSKY_CHECKPOINTS)."
    ),
]

Prompt = Annotated[str, typer.Argument(help="What the picture shows.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What it should not show.")]
Style = Annotated[str | None, typer.Option(help="One of the gateway's styles.")]
Beautify = Annotated[bool, typer.Option("--beautify", help="Let a language model make PROMPT richer first.")]
Refine = Annotated[
    int | None, typer.Option(help="Go over the result in 1 or 2 of the last steps of Kandinsky 3.1 Flash.")
]
Upscale = Annotated[int | None, typer.Option(help="Make the result 2 or 4 times as wide and as high.")]

Image = Annotated[Path, typer.Option(help="File of the picture: PNG, JPEG or WebP.")]
Width = Annotated[int | None, typer.Option(help="In pixels.")]
Height = Annotated[int | None, typer.Option(help="In pixels.")]
AspectRatio = Annotated[str | None, typer.Option(help="Such as 16:9, instead of width and height.")]
Margin = Annotated[int, typer.Option(help="How far to continue it on this side, in pixels.")]
Feather = Annotated[int | None, typer.Option(help="Width in pixels of the seam between old and new.")]

Model = Annotated[str | None, typer.Option(help="One of the gateway's models.")]
NumImages = Annotated[int | None, typer.Option(help="How many pictures.")]
Steps = Annotated[int | None, typer.Option(help="Evaluations of the network per picture.")]
GuidanceScale = Annotated[float | None, typer.Option(help="How closely to follow the prompt.")]
Seed = Annotated[int | None, typer.Option(help="Equal seeds give equal pictures.")]
Sampler = Annotated[str | None, typer.Option(help="One of the model's samplers.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="File of the picture: .png, .webp or .jpg.")]
ApiKey = Annotated[
    str | None, typer.Option(help="API key, if the gateway wants one.", envvar="KANDINSKY_API_KEY")
]
Url = Annotated[str, typer.Option(help="Address of the gateway.", envvar="KANDINSKY_URL")]
