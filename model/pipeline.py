"""Text to pictures, or to parts of them: many samples, each at its own step, in one evaluation."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from model.canvas import encode_canvas
from model.checkpoint import Checkpoint
from model.denoising import Denoising
from model.outpainting import Outpainting
from model.pixels import Pixels, from_pixels, to_pixels
from model.request import Request
from model.residency import use
from model.schedule import Steps, Trajectory, guide, trajectory
from model.unet import TextFeatures

__all__ = ["Denoising", "Pipeline", "Request"]


@dataclass(frozen=True)
class Ground:
    """What a picture is drawn on."""

    #: What the network reads beside the latent, as in `Denoising`.
    known: Tensor
    #: Latent of the image that is started from, (1, 4, h, w) fp32.
    latent: Tensor | None = None
    outpainting: Outpainting | None = None


@dataclass
class Pipeline:
    """The networks of a checkpoint, and the work that the engine gives them."""

    checkpoint: Checkpoint
    _joined: "JoinedText | None" = field(default=None, init=False)

    @torch.inference_mode()
    def start(self, requests: Sequence[Request]) -> list[Denoising]:
        """Encodes the prompts of all requests in one batch, and draws their first noise."""
        states = self._encode(requests)
        # Pictures of one prompt share what is computed from it.
        texts = {_wording(request): request for request in requests}
        features = {wording: self._text(request, states) for wording, request in texts.items()}
        # So do those on one canvas, and those that start from one image.
        places = {_place(request): request for request in requests}
        grounds = {place: self._ground(request) for place, request in places.items()}
        return [
            self._start(request, features[_wording(request)], grounds[_place(request)])
            for request in requests
        ]

    @torch.inference_mode()
    def step(self, batch: Sequence[Denoising]) -> None:
        """Takes every sample one step on; all must have latents of one shape.

        A call that fails leaves them as they were. Raises FloatingPointError for a window that is drawn, but
        not finite.
        """
        latents = torch.cat([sample.latent for sample in batch])
        steps = Steps(torch.stack([sample.coefficients for sample in batch]).to(latents.device))
        predicted = self._predict_noise(batch, latents, steps.timesteps)
        noise = torch.cat([sample.step_noise() for sample in batch])
        advanced = steps.advance(latents, predicted, noise.to(latents.device))
        after = [
            replace(sample, latent=latent, num_done=sample.num_done + 1)
            for sample, latent in zip(batch, advanced.split(1), strict=True)
        ]
        self._turn([sample for sample in after if sample.is_between_windows])
        for sample, changed in zip(batch, after, strict=True):
            vars(sample).update(vars(changed))

    @torch.inference_mode()
    def decode(self, batch: Sequence[Denoising]) -> list[Pixels]:
        """Pictures (H, W, 3) of finished samples, which must have latents of one shape.

        A canvas of another size than the window's is as it was where nothing was to be drawn.
        """
        return [
            drawn if sample.outpainting is None else sample.outpainting.fill(drawn).picture
            for sample, drawn in zip(batch, self._decode(batch), strict=True)
        ]

    @torch.inference_mode()
    def preview(self, sample: Denoising) -> Pixels:
        """A picture (h, w, 3) of latent size, from the noisy latent itself: rough, but nearly free."""
        drawn = to_pixels(self.checkpoint.components.to_preview(sample.latent))[0]
        return drawn if sample.outpainting is None else sample.outpainting.preview(drawn)

    def num_steps(self, request: Request) -> int:
        """Steps until a picture is done, those of all its windows."""
        if not _has_windows(request):
            return len(self._path(request))
        assert request.canvas is not None
        board = Outpainting.start(request.canvas, (request.height, request.width))
        return len(board.windows) * len(self._path(request))

    def _path(self, request: Request) -> Trajectory:
        path = trajectory(request.sampler, request.num_steps, self.checkpoint.percentile)
        return path if request.image is None else path.tail(num_taken(request, len(path)))

    def _start(self, request: Request, text: tuple[TextFeatures, ...], ground: Ground) -> Denoising:
        shape = (1, self.checkpoint.movq.config.latent_channels, *ground.known.shape[2:])
        path, device = self._path(request), self.checkpoint.device
        sample = Denoising(
            request, path, text, torch.empty(shape), ground.known, outpainting=ground.outpainting
        )
        return replace(sample, latent=sample.start_noise(ground.latent).to(device))

    def _ground(self, request: Request) -> Ground:
        checkpoint, canvas = self.checkpoint, request.canvas
        if checkpoint.inpaints != (canvas is not None):
            raise ValueError(
                f"{checkpoint.name} {'only' if checkpoint.inpaints else 'never'} draws on a canvas"
            )
        if canvas is not None and _has_windows(request):
            board = Outpainting.start(canvas, (request.height, request.width))
            return Ground(encode_canvas(board.window, checkpoint.movq), outpainting=board)
        if canvas is not None:
            return Ground(encode_canvas(canvas, checkpoint.movq))
        stride = checkpoint.movq.config.stride
        shape = 1, 0, request.height // stride, request.width // stride
        return Ground(torch.empty(shape, device=checkpoint.device), self._latent(request.image))

    def _latent(self, image: Pixels | None) -> Tensor | None:
        if image is None:
            return None
        picture = from_pixels(image, self.checkpoint.device)
        use(self.checkpoint.movq)
        return self.checkpoint.movq.encode(picture.to(self._dtype)).float()

    def _turn(self, samples: Sequence[Denoising]) -> None:
        """Turns to their next window samples that have drawn one."""
        if not all(sample.is_finite for sample in samples):
            raise FloatingPointError("a window is not finite")
        for sample, drawn in zip(samples, self._decode(samples), strict=True):
            assert sample.outpainting is not None
            sample.outpainting = sample.outpainting.fill(drawn)
            sample.known = encode_canvas(sample.outpainting.window, self.checkpoint.movq)
            sample.latent = sample.start_noise().to(self.checkpoint.device)

    def _decode(self, batch: Sequence[Denoising]) -> list[Pixels]:
        if not batch:
            return []
        latents = torch.cat([sample.latent for sample in batch])
        use(self.checkpoint.movq)
        return list(to_pixels(self.checkpoint.movq.decode(latents.to(self._dtype))))

    def _encode(self, requests: Sequence[Request]) -> dict[str, Tensor]:
        """States of all texts that do not come with their requests, computed in one batch."""
        texts = sorted({text for request in requests if request.states is None for text in request.texts})
        return dict(zip(texts, self.checkpoint.prompts.encode(texts), strict=True)) if texts else {}

    def _text(self, request: Request, encoded: dict[str, Tensor]) -> tuple[TextFeatures, ...]:
        unet, conditioner = self.checkpoint.unet, self.checkpoint.conditioner
        given = encoded if request.states is None else request.states
        states = {text: given[text].to(self.checkpoint.device, self._dtype) for text in request.texts}
        prompt = states[request.prompt]
        use(unet)
        features = unet.encode_text(conditioner.condition_prompt(prompt))
        if not request.is_guided:
            return (features,)
        if request.negative_prompt:
            context = conditioner.condition_negative(states[request.negative_prompt], len(prompt))
        else:
            context = conditioner.condition_nothing(len(prompt))
        return features, unet.encode_text(context)

    def _predict_noise(self, batch: Sequence[Denoising], latents: Tensor, timesteps: Tensor) -> Tensor:
        guided = [i for i, sample in enumerate(batch) if len(sample.text) == 2]
        rows = [*range(len(batch)), *guided]
        text = self._join([*(s.text[0] for s in batch), *(batch[i].text[1] for i in guided)])
        x = torch.cat([latents, torch.cat([sample.known for sample in batch])], dim=1)
        use(self.checkpoint.unet)
        predicted = self.checkpoint.unet(
            x[rows].to(self._dtype), timesteps[rows], text.features, text.mask
        ).float()
        conditional, unconditional = predicted.split([len(batch), len(guided)])
        if not guided:
            return conditional
        scales = latents.new_tensor([batch[i].request.guidance_scale for i in guided])[:, None, None, None]
        conditional[guided] = guide(conditional[guided], unconditional, scales)
        return conditional

    def _join(self, rows: list[TextFeatures]) -> "JoinedText":
        """Joins the rows' text; the same batch as at the step before is not joined again."""
        if self._joined is None or not self._joined.is_of(rows):
            features = TextFeatures.collate(rows)
            self._joined = JoinedText(tuple(rows), features, features.mask())
        return self._joined

    @property
    def _dtype(self) -> torch.dtype:
        return self.checkpoint.unet.conv_in.weight.dtype


@dataclass(frozen=True)
class JoinedText:
    """The text of a batch, and the rows that it was joined from."""

    rows: tuple[TextFeatures, ...]
    features: TextFeatures
    mask: Tensor | None

    def is_of(self, rows: list[TextFeatures]) -> bool:
        """Whether it was joined from these very rows."""
        return len(rows) == len(self.rows) and all(a is b for a, b in zip(rows, self.rows, strict=True))


def num_taken(request: Request, num_steps: int) -> int:
    """How many of the last steps a picture takes that starts from an image: at least one.

    The count is rounded down as in diffusers, and up for Flash, each of whose steps is a quarter of the way.
    """
    rounded = math.ceil if request.sampler == "flash" else int
    return max(1, rounded(num_steps * request.strength))


def _wording(request: Request) -> Hashable:
    """All that the text features of a request depend on."""
    return request.prompt, request.negative_prompt, request.is_guided, id(request.states)


def _place(request: Request) -> Hashable:
    """All that the ground of a request depends on."""
    return request.canvas, id(request.image), request.width, request.height


def _has_windows(request: Request) -> bool:
    canvas = request.canvas
    return canvas is not None and canvas.mask.shape != (request.height, request.width)
