"""The published networks by their sizes alone, on the meta device, where they take no memory."""

from collections.abc import Sequence
from functools import partial

import torch
from transformers import AutoModelForCausalLM, MistralConfig, T5Config

from model.activations import on_meta
from model.costs import Cost, encoder_cost, language_cost, movq_cost, superres_cost, unet_cost
from model.movq import MoVQ, MoVQConfig
from model.serving import PUBLISHED_SIDE
from model.superres import SuperResConfig, SuperResUNet
from model.t5 import build_encoder
from model.unet import UNet, UNetConfig

#: The encoder of FLAN-UL2.
FLAN_UL2 = T5Config(
    d_model=4096,
    d_ff=16384,
    d_kv=256,
    num_heads=16,
    num_layers=32,
    vocab_size=32128,
    feed_forward_proj="gated-silu",
)
#: U-Nets by the models that they draw for; all share one text encoder and one MoVQ.
UNETS = {
    "kandinsky-3": UNetConfig(),
    "kandinsky-3-flash": UNetConfig(),
    "kandinsky-3-inpainting": UNetConfig(in_channels=9),
}
UPSCALERS = ("kandisuperres-x4", "kandisuperres-x2", "kandisuperres-flash-x2")
#: A fine-tuned Mistral 7B, whose sizes are the defaults of its configuration.
LANGUAGE = "neural-chat-7b-v3-1"
#: The models that make or change pictures.
IMAGE_MODELS = (*UNETS, *UPSCALERS)
MODELS = (*IMAGE_MODELS, LANGUAGE)


def published_costs(
    models: Sequence[str] = IMAGE_MODELS, dtype: torch.dtype = torch.bfloat16, side: int = PUBLISHED_SIDE
) -> list[Cost]:
    """What the networks of models cost, each once, at pictures of `side` x `side` pixels.

    Raises ValueError for a model that was not published, and a side that its networks cannot take.
    """
    if unknown := [name for name in models if name not in MODELS]:
        raise ValueError(f"no published model is called {unknown[0]!r}; there is {', '.join(MODELS)}")
    multiple = UNetConfig().stride * MoVQConfig().stride
    if side < multiple or side % multiple:
        raise ValueError(f"side should be a multiple of {multiple}, got {side}")
    latent_side = side // MoVQConfig().stride
    drawing = [name for name in UNETS if name in models]
    costs = _shared_costs(dtype, side) if drawing else []
    costs += [unet_cost(name, on_meta(partial(UNet, UNETS[name]), dtype), latent_side) for name in drawing]
    enlarging = [name for name in UPSCALERS if name in models]
    costs += [
        superres_cost(name, on_meta(partial(SuperResUNet, SuperResConfig()), dtype)) for name in enlarging
    ]
    if LANGUAGE in models:
        mistral = partial(AutoModelForCausalLM.from_config, MistralConfig())
        costs.append(language_cost(LANGUAGE, on_meta(mistral, dtype)))
    return costs


def _shared_costs(dtype: torch.dtype, side: int) -> list[Cost]:
    encoder = on_meta(partial(build_encoder, FLAN_UL2), dtype)
    movq = on_meta(partial(MoVQ, MoVQConfig()), dtype)
    return [encoder_cost("FLAN-UL2", encoder), movq_cost("MoVQ", movq, side)]
