"""What `kandinsky up` says once everything is up: where it is, what it offers and how to ask for that."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from service.up.stack import Stack
from worker.jobs.catalog import Catalog
from worker.jobs.stages import Kind

PROMPT = "a red apple"
#: One command for each kind, which reads what the first has made; the mask is the user's.
EXAMPLES = {
    Kind.TEXT_TO_IMAGE: f'generate "{PROMPT}" -o apple.png',
    Kind.IMAGE_TO_IMAGE: 'transform "a green apple" --image apple.png --strength 0.6 -o green.png',
    Kind.SUPER_RESOLUTION: "upscale apple.png -o large.png",
    Kind.INPAINTING: 'inpaint "a green pear" --image apple.png --mask mask.png -o pear.png',
    Kind.OUTPAINTING: f'outpaint "{PROMPT}" --image apple.png --right 64 -o wide.png',
    Kind.BEAUTIFICATION: f'beautify "{PROMPT}"',
}


def offered(catalog: Catalog) -> dict[Kind, list[str]]:
    """Names of the models that are served now, by what they do. Raises RedisError."""
    served = {model for worker in catalog.workers() for model in worker.models}
    cards = [card for card in catalog.models().values() if card.id in served]
    names = {kind: [card.id for card in cards if kind in card.kinds] for kind in EXAMPLES}
    return {kind: models for kind, models in names.items() if models}


def banner(stack: Stack, models: Mapping[Kind, Sequence[str]]) -> str:
    """What is offered, with a command for each kind, and one request over HTTP."""
    command = Path(sys.executable).with_name("kandinsky")
    width = max(map(len, models), default=0)
    blocks = [
        [f"  {kind:<{width}}  {', '.join(names)}" for kind, names in models.items()],
        _key(stack, command) if stack.needs_key else [],
        [f"  {command} {EXAMPLES[kind]} --url {stack.url}" for kind in models],
        _request(stack) if Kind.TEXT_TO_IMAGE in models else [],
        [
            f"The API is described at {stack.url}/docs. Jobs and pictures are kept in {stack.data}.",
            "Ctrl-C stops everything.",
        ],
    ]
    return "".join(f"\n{line}" for block in blocks if block for line in (*block, ""))


def _key(stack: Stack, command: Path) -> list[str]:
    return [
        "Every request needs an API key:",
        "  export KANDINSKY_API_KEY=kdsk_...",
        f"  {command} keys create --name NAME --data {stack.data}",
    ]


def _request(stack: Stack) -> list[str]:
    key = ['    -H "Authorization: Bearer $KANDINSKY_API_KEY" \\'] if stack.needs_key else []
    return [
        f"  curl {stack.url}/v1/text-to-image -H 'Content-Type: application/json' -H 'Prefer: wait=60' \\",
        *key,
        f'    -d \'{{"prompt": "{PROMPT}"}}\'',
    ]
