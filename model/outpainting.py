"""Canvases of another size than the network sees: drawn window by window, from what is known outwards."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from model.canvas import Canvas, grow
from model.pixels import Pixels
from model.tiling import View
from model.windows import Size, plan_windows


@dataclass(frozen=True, eq=False)
class Outpainting:
    """How far a canvas is drawn of which the network sees one window at a time."""

    #: As far as it is drawn. Right and at the bottom it is filled up to the size of a window.
    canvas: Canvas
    #: Where is drawn, in that order.
    windows: tuple[View, ...]
    #: Size of the canvas that was given.
    size: Size
    num_drawn: int = 0

    @classmethod
    def start(cls, canvas: Canvas, window: Size) -> "Outpainting":
        """A canvas of which nothing is drawn yet. Raises ValueError for one that has nothing to be drawn."""
        height, width = canvas.mask.shape
        margins = 0, max(0, window[1] - width), 0, max(0, window[0] - height)
        # What is filled up is drawn along with the rest, never for its own sake.
        wanted = np.pad(canvas.mask > 0, ((0, margins[3]), (0, margins[1])))
        return cls(grow(canvas, margins), plan_windows(wanted, window), (height, width))

    @property
    def window(self) -> Canvas:
        """The part of the canvas that is drawn at present."""
        place = self._place
        return Canvas(self.canvas.picture[place], self.canvas.mask[place])

    @property
    def picture(self) -> Pixels:
        """The canvas as far as it is drawn, (H, W, 3)."""
        height, width = self.size
        return self.canvas.picture[:height, :width]

    def fill(self, drawn: Pixels) -> "Outpainting":
        """The canvas with what was drawn in the present window, wherever something was to be drawn."""
        picture, mask, place = self.canvas.picture.copy(), self.canvas.mask.copy(), self._place
        hole = mask[place] > 0
        picture[place][hole] = drawn[hole]
        mask[place] = 0
        return replace(self, canvas=Canvas(picture, mask), num_drawn=self.num_drawn + 1)

    def preview(self, drawn: Pixels) -> Pixels:
        """The canvas, as much smaller as the preview (h, w, 3) of the present window is, with that in it."""
        view = self.windows[self.num_drawn]
        stride = view.height // len(drawn)
        width, height = (-(-side // stride) for side in reversed(self.size))
        small = np.array(Image.fromarray(self.picture).resize((width, height), Image.Resampling.BOX))
        place = small[view.top // stride :, view.left // stride :][: len(drawn), : drawn.shape[1]]
        place[:] = drawn[: place.shape[0], : place.shape[1]]
        return small

    @property
    def _place(self) -> tuple[slice, slice]:
        view = self.windows[self.num_drawn]
        return slice(view.top, view.bottom), slice(view.left, view.right)
