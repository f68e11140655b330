import pytest
from transformers import PreTrainedTokenizerFast

from model.training.tokenizer import train_tokenizer
from tests.checkpoints import CAPTIONS


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(CAPTIONS, vocab_size=100, max_tokens=16)


def test_special_tokens_are_those_of_t5(tokenizer: PreTrainedTokenizerFast) -> None:
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert len(tokenizer) <= 100


def test_captions_come_back(tokenizer: PreTrainedTokenizerFast) -> None:
    for caption in CAPTIONS:
        ids = tokenizer(caption)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == caption


def test_case_does_not_matter(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer("A Red APPLE")["input_ids"] == tokenizer("a red apple")["input_ids"]


def test_long_captions_keep_their_end(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("a red apple " * 20, truncation=True)["input_ids"]
    assert len(ids) == 16
    assert ids[-1] == tokenizer.eos_token_id
