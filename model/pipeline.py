"""Text to pictures, or to parts of them: many samples, each at its own step, in one evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from model.canvas import Canvas, encode_canvas
from model.checkpoint import Checkpoint
from model.pixels import Pixels, to_pixels
from model.schedule import Sampler, Steps, Trajectory, draw_noise, guide, trajectory
from model.unet import TextFeatures


@dataclass(frozen=True)
class Request:
    """What one picture is to be."""

    prompt: str
    width: int
    height: int
    num_steps: int
    sampler: Sampler
    seed: int
    #: Which picture of its request it is; keys its noise together with the seed.
    index: int = 0
    negative_prompt: str = ""
    #: Weight w of classifier-free guidance (w + 1) c - w u; at 1 and below there is none, as in diffusers.
    guidance_scale: float = 3.0
    #: What an inpainting checkpoint draws on; it has the size of the picture.
    canvas: Canvas | None = None

    def __post_init__(self) -> None:
        if self.canvas is not None and self.canvas.mask.shape != (self.height, self.width):
            raise ValueError(
                f"the canvas has shape {self.canvas.mask.shape}, not {(self.height, self.width)}"
            )

    @property
    def is_guided(self) -> bool:
        """Whether each step evaluates the network for the negative or empty prompt too; Flash never does."""
        return self.guidance_scale > 1 and self.sampler != "flash"


@dataclass
class Denoising:
    """One picture in the making. `Pipeline.step` alone changes it."""

    request: Request
    trajectory: Trajectory
    #: Features of the prompt, then with guidance those of the negative or empty prompt.
    text: tuple[TextFeatures, ...]
    #: Noisy latent before the next step, (1, 4, h, w) fp32.
    latent: Tensor
    #: What the network reads beside it: of a canvas the mask and what is to stay, (1, 5, h, w), else nothing.
    known: Tensor
    num_done: int = 0

    @property
    def is_done(self) -> bool:
        return self.num_done == len(self.trajectory)

    @property
    def is_finite(self) -> bool:
        """False when the network has produced infinities or NaN."""
        return bool(self.latent.isfinite().all())


@dataclass
class Pipeline:
    """The networks of a checkpoint, and the work that the engine gives them."""

    checkpoint: Checkpoint
    _joined: "JoinedText | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.to_preview = self.checkpoint.components.to_preview

    @torch.inference_mode()
    def start(self, requests: Sequence[Request]) -> list[Denoising]:
        """Encodes the prompts of all requests in one batch, and draws their first noise."""
        guided = [request for request in requests if request.is_guided]
        prompts = {request.prompt for request in requests}
        prompts |= {request.negative_prompt for request in guided if request.negative_prompt}
        unique = sorted(prompts)
        states = dict(zip(unique, self.checkpoint.prompts.encode(unique), strict=True))
        # Pictures of one prompt share what is computed from it.
        texts = {_wording(request): request for request in requests}
        features = {wording: self._text(request, states) for wording, request in texts.items()}
        # So do those on one canvas.
        places = {_place(request): request for request in requests}
        known = {place: self._known(request) for place, request in places.items()}
        return [
            self._start(request, features[_wording(request)], known[_place(request)]) for request in requests
        ]

    @torch.inference_mode()
    def step(self, batch: Sequence[Denoising]) -> None:
        """Takes every sample one step on; all must have latents of one shape."""
        latents = torch.cat([sample.latent for sample in batch])
        steps = Steps(torch.stack([s.trajectory.table[s.num_done] for s in batch]).to(latents.device))
        predicted = self._predict_noise(batch, latents, steps.timesteps)
        noise = torch.cat([_draw(sample, sample.num_done + 2, latents[:1]) for sample in batch])
        advanced = steps.advance(latents, predicted, noise.to(latents.device))
        for sample, latent in zip(batch, advanced.split(1), strict=True):
            sample.latent = latent
            sample.num_done += 1

    @torch.inference_mode()
    def decode(self, batch: Sequence[Denoising]) -> list[Pixels]:
        """Pictures (H, W, 3) of finished samples, which must have latents of one shape."""
        latents = torch.cat([sample.latent for sample in batch])
        decoded = self.checkpoint.movq.decode(latents.to(self._dtype))
        return list(to_pixels(decoded))

    @torch.inference_mode()
    def preview(self, sample: Denoising) -> Pixels:
        """A picture (h, w, 3) of latent size, from the noisy latent itself: rough, but nearly free."""
        return to_pixels(self.to_preview(sample.latent))[0]

    def _start(self, request: Request, text: tuple[TextFeatures, ...], known: Tensor) -> Denoising:
        shape = (1, self.checkpoint.movq.config.latent_channels, *known.shape[2:])
        path = trajectory(request.sampler, request.num_steps, self.checkpoint.percentile)
        first, second = (draw_noise(request.seed, request.index, step, shape) for step in (0, 1))
        latent = path.start(first, second).to(self.checkpoint.device)
        return Denoising(request, path, text, latent, known)

    def _known(self, request: Request) -> Tensor:
        checkpoint = self.checkpoint
        if request.canvas is not None and checkpoint.inpaints:
            return encode_canvas(request.canvas, checkpoint.movq)
        if request.canvas is not None or checkpoint.inpaints:
            raise ValueError(
                f"{checkpoint.name} {'only' if checkpoint.inpaints else 'never'} draws on a canvas"
            )
        stride = checkpoint.movq.config.stride
        return torch.empty(1, 0, request.height // stride, request.width // stride, device=checkpoint.device)

    def _text(self, request: Request, states: dict[str, Tensor]) -> tuple[TextFeatures, ...]:
        unet, conditioner = self.checkpoint.unet, self.checkpoint.conditioner
        prompt = states[request.prompt].to(self._dtype)
        features = unet.encode_text(conditioner.condition_prompt(prompt))
        if not request.is_guided:
            return (features,)
        if request.negative_prompt:
            negative = states[request.negative_prompt].to(self._dtype)
            context = conditioner.condition_negative(negative, len(prompt))
        else:
            context = conditioner.condition_nothing(len(prompt))
        return features, unet.encode_text(context)

    def _predict_noise(self, batch: Sequence[Denoising], latents: Tensor, timesteps: Tensor) -> Tensor:
        guided = [i for i, sample in enumerate(batch) if len(sample.text) == 2]
        rows = [*range(len(batch)), *guided]
        text = self._join([*(s.text[0] for s in batch), *(batch[i].text[1] for i in guided)])
        x = torch.cat([latents, torch.cat([sample.known for sample in batch])], dim=1)
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


def _wording(request: Request) -> tuple[str, str, bool]:
    """All that the text features of a request depend on."""
    return request.prompt, request.negative_prompt, request.is_guided


def _place(request: Request) -> tuple[Canvas | None, int, int]:
    """All that what is known of a picture depends on."""
    return request.canvas, request.width, request.height


def _draw(sample: Denoising, step: int, like: Tensor) -> Tensor:
    """The noise that a sample's next step adds; none is drawn where none is added."""
    if not sample.trajectory.table[sample.num_done, Steps.SIGMA]:
        return torch.zeros(like.shape)
    return draw_noise(sample.request.seed, sample.request.index, step, tuple(like.shape))
