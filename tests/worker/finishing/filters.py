"""What stands for the network that tells pictures apart: it takes fright at red."""

from worker.engine.sample import Pixels


class RedFilter:
    """Is as sure as a picture is red."""

    def score(self, pixels: Pixels) -> float:
        """The mean of the red, from 0 to 1."""
        return float(pixels[..., 0].mean()) / 255
