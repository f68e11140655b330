"""Tensor names of the published layouts, mapped to those of our modules."""

import re

from torch import Tensor

_UNET = (
    (r"^to_time_embed\.1\.", "time_embedding.linear_1."),
    (r"^to_time_embed\.3\.", "time_embedding.linear_2."),
    (r"^feature_pooling\.", "add_time_condition."),
    (r"^in_layer\.", "conv_in."),
    (r"^out_layer\.0\.", "conv_norm_out."),
    (r"^out_layer\.2\.", "conv_out."),
    (r"^projection_lin\.", "encoder_hid_proj.projection_linear."),
    (r"^projection_ln\.", "encoder_hid_proj.projection_norm."),
    (r"^(down|up)_samples\.", r"\1_blocks."),
    (r"\.self_attention_block\.", ".attentions.0."),
    (r"\.resnet_attn_blocks\.(\d+)\.0\.", r".resnets_in.\1."),
    (r"\.resnet_attn_blocks\.(\d+)\.2\.", r".resnets_out.\1."),
    (r"\.attention\.to_query\.", ".attention.to_q."),
    (r"\.attention\.to_key\.", ".attention.to_k."),
    (r"\.attention\.to_value\.", ".attention.to_v."),
    (r"\.attention\.output_layer\.", ".attention.to_out.0."),
)
_CROSS_ATTENTION = re.compile(r"\.resnet_attn_blocks\.(\d+)\.1\.")

_MOVQ = (
    (r"^encoder\.(.*)\.norm_layer\.", r"encoder.\1."),
    (r"\.norm_out\.", ".conv_norm_out."),
    (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
    (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
    (r"\.mid\.attn_1\.", ".mid_block.attentions.0."),
    (r"^encoder\.down\.", "encoder.down_blocks."),
    (r"\.block\.(\d+)\.", r".resnets.\1."),
    (r"\.attn\.(\d+)\.", r".attentions.\1."),
    (r"\.downsample\.", ".downsamplers.0."),
    (r"\.upsample\.", ".upsamplers.0."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"^(encoder\..*attentions\.\d+)\.norm\.", r"\1.group_norm."),
    (r"^(decoder\..*attentions\.\d+)\.norm\.", r"\1.spatial_norm."),
    (r"(attentions\.\d+)\.([qkv])\.", r"\1.to_\2."),
    (r"(attentions\.\d+)\.proj_out\.", r"\1.to_out.0."),
)
_DECODER_LEVEL = re.compile(r"^decoder\.up\.(\d+)\.")

#: `projection.pt` of the original layout.
PROJECTION = {
    "0.weight": "encoder_hid_proj.projection_linear.weight",
    "1.weight": "encoder_hid_proj.projection_norm.weight",
    "1.bias": "encoder_hid_proj.projection_norm.bias",
}


def unet_name(original: str) -> str:
    """Name in the diffusers layout of a U-Net tensor of the original one."""
    renamed = _CROSS_ATTENTION.sub(lambda match: f".attentions.{int(match[1]) + 1}.", original)
    return _rename(renamed, _UNET)


def movq_name(original: str, num_levels: int = 4) -> str:
    """Name in the diffusers layout of a MoVQ tensor of the original, which counts decoder levels upwards."""
    renamed = _DECODER_LEVEL.sub(lambda m: f"decoder.up_blocks.{num_levels - 1 - int(m[1])}.", original)
    return _rename(renamed, _MOVQ)


def movq_tensor(name: str, tensor: Tensor) -> Tensor:
    """The attention projections of the original are 1x1 convolutions, ours are linear layers."""
    is_projection = ".attentions." in name and ".to_" in name and name.endswith(".weight")
    return tensor.flatten(1) if is_projection else tensor


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
