"""Sends one request of every kind to a running gateway, and writes the page of examples from what comes back.

`python docs/examples.py --url http://127.0.0.1:8000` writes `docs/requests.md` and `docs/examples/*.png`.
"""

import argparse
import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

DOCS = Path(__file__).parent
PICTURES = DOCS / "examples"
PAGE = DOCS / "requests.md"
#: How long a job may take, in seconds; the gateway's own limit for one that is waited for.
WAIT = 60
#: How wide pictures are shown, in pixels: those of the demonstration are small.
SHOWN = 192


@dataclass(frozen=True)
class Example:
    """One request, and how it is introduced."""

    #: Name of the files of its pictures.
    name: str
    title: str
    text: str
    path: str
    body: Mapping[str, Any]
    command: str
    #: Fields of the body that are files in `docs/examples`.
    files: Mapping[str, str]


APPLE, LOWER, MASK = "text-to-image.png", "lower.png", "mask.png"
EXAMPLES = (
    Example(
        "text-to-image",
        "Text to image",
        "The base model, 20 steps with guidance.",
        "/v1/text-to-image",
        {"prompt": "a red apple", "seed": 7, "steps": 20},
        'kandinsky generate "a red apple" --seed 7 --steps 20 -o apple.png',
        {},
    ),
    Example(
        "flash",
        "Kandinsky 3.1 Flash",
        "Four steps, no guidance. Prompts may be Russian.",
        "/v1/text-to-image",
        {"prompt": "автомобиль", "model": "kandinsky-3-flash-demo", "seed": 3},
        'kandinsky generate "автомобиль" --model kandinsky-3-flash-demo --seed 3 -o car.png',
        {},
    ),
    Example(
        "image-to-image",
        "Image to image",
        "A picture is noised as far as `strength` says and drawn again, here the apple from above. At 0.3, "
        "the default, little changes; at 1 next to nothing of it is left.",
        "/v1/image-to-image",
        {"prompt": "a green apple", "strength": 0.7, "seed": 5, "steps": 40},
        'kandinsky transform "a green apple" --image apple.png --strength 0.7 --seed 5 --steps 40 -o new.png',
        {"image": APPLE},
    ),
    Example(
        "inpainting",
        "Inpainting",
        "What is white in the mask is drawn anew; all else stays as it is, pixel by pixel. The prompt tells"
        " what the whole shows.",
        "/v1/inpainting",
        {"prompt": "a banana", "seed": 4, "steps": 25},
        'kandinsky inpaint "a banana" --image apple.png --mask mask.png --seed 4 --steps 25 -o banana.png',
        {"image": APPLE, "mask": MASK},
    ),
    Example(
        "outpainting",
        "Outpainting",
        "The picture goes on beyond its edges, window by window where it grows beyond what the network draws "
        "at a time. What was there stays as it is. Here the lower part of the apple gets its upper part.",
        "/v1/outpainting",
        {"prompt": "a red apple", "top": 24, "seed": 1},
        'kandinsky outpaint "a red apple" --image lower.png --top 24 --seed 1 -o whole.png',
        {"image": LOWER},
    ),
    Example(
        "super-resolution",
        "Super-resolution",
        "Two or four times as wide and high, of pictures of any size and shape up to 4096 pixels a side. "
        '`"model": "kandisuperres-flash-x2-demo"` does it in four steps, and `"refine": 1` has Kandinsky '
        "3.1 Flash go over it.",
        "/v1/super-resolution",
        {"scale": 4, "seed": 1},
        "kandinsky upscale apple.png --scale 4 --seed 1 -o large.png",
        {"image": APPLE},
    ),
    Example(
        "beautify",
        "Prompt beautification",
        "A language model makes a prompt richer, here the small one that comes with `make run`. The text is"
        " cut to what the image encoder reads, and is the prompt itself, with a warning, when the model "
        "says nothing of use.",
        "/v1/prompts/beautify",
        {"prompt": "a castle", "seed": 1},
        'kandinsky beautify "a castle" --seed 1',
        {},
    ),
    Example(
        "pipeline",
        "All in one request",
        "Stages of one job: the prompt is made richer, drawn, gone over by Flash, and made larger. Progress"
        " counts over all of them; canceling stops whichever is running.",
        "/v1/text-to-image",
        {"prompt": "a castle", "seed": 1, "beautify": True, "refine": 1, "upscale": 4},
        'kandinsky generate "a castle" --seed 1 --beautify --refine 1 --upscale 4 -o castle.png',
        {},
    ),
)

HEAD = """# A request of every kind

Made by `python docs/examples.py` against `make run`, that is by the demonstration family, whose pictures are
small: they are shown larger here than they are. Pictures in a request are files in base64, left out below as
`…`. With `Prefer: wait=60` the answer is the ended job; without it, the queued one at once. `/docs` of a
running gateway has every field and limit.
"""


def main() -> None:
    """Sends the requests one after the other, and writes page and pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    options = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    with httpx.Client(base_url=options.url, timeout=WAIT + 10, trust_env=False) as client:
        first, *others = EXAMPLES
        sections = [section(client, first)]
        write_inputs()
        sections += [section(client, example) for example in others]
    PAGE.write_text("\n".join([HEAD, *sections]), encoding="utf-8")
    print(PAGE)


def write_inputs() -> None:
    """A mask, white where the apple is, and the lower part of the apple."""
    with Image.open(PICTURES / APPLE) as apple:
        apple.crop((0, 24, 64, 64)).save(PICTURES / LOWER)
    mask = Image.new("L", (64, 64))
    ImageDraw.Draw(mask).rectangle((3, 2, 60, 60), fill=255)
    mask.save(PICTURES / MASK)


def section(client: httpx.Client, example: Example) -> str:
    """The part of the page about one request. Raises RuntimeError when its job does not succeed."""
    files = {
        name: base64.b64encode((PICTURES / file).read_bytes()).decode()
        for name, file in example.files.items()
    }
    answer = client.post(example.path, json={**example.body, **files}, headers={"Prefer": f"wait={WAIT}"})
    job = answer.json()
    if job.get("status") != "succeeded":
        raise RuntimeError(f"{example.name}: {answer.text}")
    names = [save(client, example.name, output["id"], i) for i, output in enumerate(job["outputs"])]
    shown = dict(example.body) | dict.fromkeys(files, "…")
    return "\n".join(
        [
            f"## {example.title}\n",
            example.text + "\n",
            f"```sh\n{example.command}\n```\n",
            f"```http\nPOST {example.path}\nPrefer: wait={WAIT}\n\n{pretty(shown)}\n```\n",
            f"```json\n{pretty(excerpt(job))}\n```\n",
            *pictures(example.files.values(), names),
        ]
    )


def save(client: httpx.Client, name: str, image_id: str, index: int) -> str:
    """Loads a picture of a job; gives the name of its file."""
    file = f"{name}.png" if index == 0 else f"{name}-{index}.png"
    Image.open(io.BytesIO(client.get(f"/v1/images/{image_id}").content)).save(PICTURES / file, optimize=True)
    return file


def excerpt(job: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth showing of a job."""
    kept = ("id", "kind", "status", "stage", "text", "warnings", "outputs", "receipt")
    shown = {name: job[name] for name in kept if job[name] not in (None, [])}
    receipt = shown["receipt"]
    shown["receipt"] = {name: value for name, value in receipt.items() if name != "stages"}
    if len(receipt["stages"]) > 1:
        shown["receipt"]["stages"] = [f"{stage['stage']}: …" for stage in receipt["stages"]]
    return shown


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def pictures(given: Any, made: list[str]) -> list[str]:
    """The pictures of a request and of its answer, side by side."""
    if not made:
        return []
    before, after = (
        [f'<img src="examples/{name}" width="{SHOWN}">' for name in names] for names in (given, made)
    )
    return [" ".join([*before, *["→"] * bool(before), *after]) + "\n"]


if __name__ == "__main__":
    main()
