"""How much closer to the truth is super-resolution than bicubic interpolation?"""

from collections.abc import Callable, Iterator
from random import Random

import numpy as np
import torch
from PIL import Image

from model.pixels import Pixels, to_pixels
from model.training.bank import to_tensor
from model.training.compositions import Frame
from model.training.evaluation.bench import Bench, load_objects
from model.training.evaluation.prompts import SEED
from model.training.evaluation.quality import psnr, ssim
from model.training.evaluation.scenes import draw_scenes, render
from model.training.evaluation.table import DECIBELS, PLAIN, Figure
from model.training.evaluation.weights import Weights
from model.training.export import SUPERRES_FLASH_X2, SUPERRES_X2, SUPERRES_X4
from model.training.pictures import STYLES
from model.training.superres.degradations import DegradationConfig, degrade
from model.upscaling import UpscalePipeline, UpscaleRequest

NUM_PICTURES = 16
#: Side in pixels of the true pictures: that of the objects they are made of.
SIDE = 256
NAMES = {SUPERRES_X4: "x4", SUPERRES_X2: "x2", SUPERRES_FLASH_X2: "Flash x2"}
SCALES = {SUPERRES_X4: 4, SUPERRES_X2: 2, SUPERRES_FLASH_X2: 2}
WORN = DegradationConfig(clean_share=0)


def measure_enlarging(weights: Weights, bench: Bench) -> Iterator[Figure]:
    """Each super-resolution model, on clean and on worn pictures."""
    truth = draw_truth(bench.count(NUM_PICTURES))
    for model, words in NAMES.items():
        pipeline = weights.upscaling(model)
        for state, reduce in REDUCTIONS.items():
            measures = [f"super-resolution {words}, {state} pictures, {unit}" for unit in ("PSNR", "SSIM")]
            if pipeline is None:
                yield from map(Figure, measures)
            else:
                yield from _measure(pipeline, bench, truth, reduce(truth, SCALES[model]), measures)


def draw_truth(count: int) -> Pixels:
    """Large pictures of objects in all styles, (N, 256, 256, 3)."""
    objects = [picture for style in STYLES for picture in load_objects(style=style)]
    return render(draw_scenes(Random(SEED).sample(objects, count), SEED), Frame(SIDE, SIDE))


def shrink(pictures: Pixels, scale: int) -> Pixels:
    """Small pictures, each pixel the mean of those that it stands for."""
    return np.stack([np.array(Image.fromarray(picture).reduce(scale)) for picture in pictures])


def wear(pictures: Pixels, scale: int) -> Pixels:
    """Small pictures, worn in the way that the networks were trained on."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(SEED)
        return np.concatenate(
            [to_pixels(degrade(part, scale, WORN)) for part in to_tensor(pictures).split(1)]
        )


REDUCTIONS: dict[str, Callable[[Pixels, int], Pixels]] = {"clean": shrink, "worn": wear}


def enlarge_bicubic(pictures: Pixels, scale: int) -> Pixels:
    """What has to be surpassed."""
    _, height, width, _ = pictures.shape
    size = (scale * width, scale * height)
    return np.stack([np.array(Image.fromarray(p).resize(size, Image.Resampling.BICUBIC)) for p in pictures])


def enlarge(pipeline: UpscalePipeline, bench: Bench, pictures: Pixels) -> Pixels:
    """What the model makes of small pictures (N, h, w, 3)."""
    requests = [UpscaleRequest(picture, SEED, index) for index, picture in enumerate(pictures)]
    return bench.upscale(pipeline, requests)


def _measure(
    pipeline: UpscalePipeline, bench: Bench, truth: Pixels, small: Pixels, measures: list[str]
) -> Iterator[Figure]:
    ours = enlarge(pipeline, bench, small)
    bicubic = enlarge_bicubic(small, pipeline.checkpoint.scale)
    yield Figure(measures[0], psnr(ours, truth), psnr(bicubic, truth), len(truth), DECIBELS)
    yield Figure(measures[1], ssim(ours, truth), ssim(bicubic, truth), len(truth), PLAIN)
