"""Small language models with random weights, as `transformers` writes them."""

import json
from pathlib import Path

import torch
from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

#: Turns as `<|system|>text<|end|>`, which is made of single tokens.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
WORDS = (
    "a red apple on a wooden table",
    "soft light, highly detailed",
    "рыжий кот",
    "### System: User Assistant",
)
#: Of most architectures, under the names that they have for them.
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def write_language_model(folder: Path, kind: str = "llama", chat: bool = True, **config: object) -> Path:
    """Writes a model of an architecture of `transformers` and its tokenizer, and returns the folder."""
    tokenizer = _tokenizer(chat)
    tokenizer.save_pretrained(folder)
    ids = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    sizes = {"vocab_size": len(tokenizer), **SIZES, **ids, **config}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes))
        for parameter in network.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.1)  # so that answers differ
    network.save_pretrained(folder)
    return folder


#: Names of a layer's tensors in transformers and in GGUF.
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "model.layers": "blk",
}


def write_gguf(folder: Path, file: Path) -> Path:
    """Writes a model of kind "qwen2", whose layout has no twists, as a `.gguf` file."""
    network = AutoModelForCausalLM.from_pretrained(folder)
    config, writer = network.config, GGUFWriter(file, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    _add_tokenizer(writer, json.loads((folder / "tokenizer.json").read_text())["model"])
    for name, weight in network.state_dict().items():
        for theirs, ours in GGUF_NAMES.items():
            name = name.replace(theirs, ours)
        writer.add_tensor(name, weight.numpy())
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def _add_tokenizer(writer: GGUFWriter, bpe: dict[str, list[list[str]]]) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(list(bpe["vocab"]))
    types = [TokenType.CONTROL if token in SPECIAL else TokenType.NORMAL for token in bpe["vocab"]]
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in bpe["merges"]])
    writer.add_eos_token_id(0)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tokenizer(chat: bool) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(WORDS, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=SPECIAL[0], pad_token=SPECIAL[0])
    wrapped.chat_template = CHAT_TEMPLATE if chat else None
    return wrapped
