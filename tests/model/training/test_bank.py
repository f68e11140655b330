import torch

from model.training.autoencoder import picture_bank
from model.training.bank import Bank
from model.training.compositions import Frame
from model.training.run import Run
from tests.model.training.tiny import TINY


def test_bank_is_the_same_each_time(trained: Run) -> None:
    first, again = picture_bank(trained), picture_bank(trained)
    assert len(first) == TINY.data.num_pictures
    assert again.captions == first.captions
    assert torch.equal(again.batch(4, step=3), first.batch(4, step=3))
    assert not torch.equal(first.batch(4, step=4), first.batch(4, step=3))


def test_pictures_are_in_range_and_of_their_size() -> None:
    bank = Bank(TINY.data, Frame(32, 16), 4)
    assert bank.held_out.shape == (TINY.data.num_held_out, 3, 16, 32)
    assert -1 <= bank.held_out.min() < -0.9
    assert bank.held_out.max() == 1
