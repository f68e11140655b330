"""Image-to-image and inpainting beside text-to-image, alone and in company: `python -m benchmarks.kinds`."""

import argparse
from collections.abc import Callable, Mapping

import numpy as np
import torch

from benchmarks.report import Figures, print_table
from benchmarks.throughput import PROMPTS, measure
from model.checkpoint import FAMILY
from worker.engine.engine import Engine
from worker.inputs import Inputs
from worker.jobs.job import Job, new_job_id
from worker.jobs.stages import ImageToImage, Inpainting, Stage, TextToImage
from worker.loading import load_networks
from worker.networks import ResidentNetworks
from worker.settings import WorkerSettings

BASE, FLASH, INPAINTING = "kandinsky-3-demo", "kandinsky-3-flash-demo", "kandinsky-3-inpainting-demo"
SIDE = 64
PICTURE = np.full((SIDE, SIDE, 3), 200, np.uint8)
MASK = np.pad(np.full((SIDE // 2, SIDE // 2), 255, np.uint8), SIDE // 4)

#: The stage that a seed stands for, and what it works on.
Ask = Callable[[int], tuple[Stage, Inputs]]


def main() -> None:
    """Measures every kind with one and with many requests in flight, and prints a table for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds", description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--requests", type=int, default=32, help="pictures of each kind")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = WorkerSettings(
        checkpoints=(FAMILY,),
        models=f"{BASE},{FLASH},{INPAINTING}",
        device="cpu",
        num_threads=options.threads,
        language_model="none",
    )
    networks = load_networks(settings)
    engine = Engine(networks, max_rows=64)
    engine.start()
    for concurrency in options.concurrency:
        figures: dict[str, Figures] = {}
        for name, ask in ways(options.steps).items():
            draw = drawing(engine, networks, ask)
            measure(draw, concurrency, concurrency)  # warm-up
            figures[name] = measure(draw, options.requests, concurrency)
        title = f"{options.requests} pictures of {SIDE} px, {concurrency} in flight"
        print_table(title, figures, options.threads)
    engine.stop()


def ways(steps: int) -> dict[str, Ask]:
    """What is measured, by name."""
    return {
        f"text-to-image, {steps} steps": lambda seed: (text(fields(seed, steps)), Inputs()),
        "image-to-image, strength 0.3": lambda seed: (again(seed, steps, 0.3), Inputs((PICTURE,))),
        "image-to-image, strength 0.8": lambda seed: (again(seed, steps, 0.8), Inputs((PICTURE,))),
        f"inpainting, {steps} steps": lambda seed: (inpainting(seed, steps), Inputs((PICTURE,), MASK)),
        "text-to-image, Flash": lambda seed: (text(flash(seed)), Inputs()),
        "image-to-image, Flash, 2 steps": lambda seed: (refining(seed), Inputs((PICTURE,))),
    }


def fields(seed: int, steps: int) -> dict[str, object]:
    """What every drawing has."""
    return {
        "model": BASE,
        "prompt": PROMPTS[seed % len(PROMPTS)],
        "width": SIDE,
        "height": SIDE,
        "num_images": 1,
        "steps": steps,
        "guidance_scale": 3.0,
        "sampler": "ddpm",
        "seed": seed,
    }


def flash(seed: int) -> dict[str, object]:
    """The same for Kandinsky 3.1 Flash."""
    return {**fields(seed, 4), "model": FLASH, "sampler": "flash", "guidance_scale": 1.0}


def text(wanted: Mapping[str, object]) -> TextToImage:
    """A picture of a prompt."""
    return TextToImage.model_validate(wanted)


def again(seed: int, steps: int, strength: float) -> ImageToImage:
    """A picture drawn again."""
    return ImageToImage.model_validate({**fields(seed, steps), "image": "-", "strength": strength})


def refining(seed: int) -> ImageToImage:
    """A picture gone over by Flash."""
    return ImageToImage.model_validate({**flash(seed), "image": "-", "strength": 0.5})


def inpainting(seed: int, steps: int) -> Inpainting:
    """The middle of a picture drawn anew."""
    wanted = {"model": INPAINTING, "sampler": "kandinsky", "image": "-", "mask": "-"}
    drawn = {"drawn_width": SIDE, "drawn_height": SIDE}
    return Inpainting.model_validate({**fields(seed, steps), **wanted, **drawn})


def drawing(engine: Engine, networks: ResidentNetworks, ask: Ask) -> Callable[[int], object]:
    """Draws the picture of a seed, as a worker does."""

    def draw(seed: int) -> object:
        stage, inputs = ask(seed)
        job = Job.model_validate({"id": new_job_id(), "kind": stage.kind, "stages": (stage,)})
        results = engine.submit(networks.orders(job, inputs)).result()
        return networks.finish(job, inputs, results)

    return draw


if __name__ == "__main__":
    main()
