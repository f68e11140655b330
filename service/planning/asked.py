"""The stage that a request asks for, one way for each kind."""

from service.errors import InvalidRequest
from service.planning.defaults import choose_steps, drawing, rendering, sampler_card, wording
from service.planning.margins import extended_size
from service.planning.plan import Plan
from service.planning.sizes import (
    Size,
    check_picture,
    check_size,
    default_size,
    fit_aspect_ratio,
    follow_shape,
    size_like,
    window_size,
)
from service.requests import (
    BeautificationRequest,
    ImageToImageRequest,
    InpaintingRequest,
    OutpaintingRequest,
    SuperResolutionRequest,
    TextToImageRequest,
)
from worker.jobs.catalog import ModelCard
from worker.jobs.stages import (
    Beautification,
    ImageToImage,
    Inpainting,
    Outpainting,
    Stage,
    SuperResolution,
    TextToImage,
)

#: Where neither request nor model says how much of a picture is drawn anew: all of it.
FULL_STRENGTH = 1.0


def fill_in(plan: Plan) -> Stage:
    """The stage that was asked for. Raises InvalidRequest for what is beyond the limits of its model."""
    match plan.request:
        case TextToImageRequest() as request:
            return TextToImage(**drawing(plan, _choose_size(request, plan.card)))
        case ImageToImageRequest() as request:
            return _image_to_image(request, plan)
        case InpaintingRequest() as request:
            return _inpainting(request, plan)
        case OutpaintingRequest() as request:
            return _outpainting(request, plan)
        case SuperResolutionRequest() as request:
            return _super_resolution(request, plan)
        case BeautificationRequest():
            return Beautification(**wording(plan), model=plan.card.id, seed=plan.seed)
    raise TypeError(f"no stage is asked for by a {type(plan.request).__name__}")


def _image_to_image(request: ImageToImageRequest, plan: Plan) -> ImageToImage:
    default = plan.card.default_strength or FULL_STRENGTH
    return ImageToImage(
        **drawing(plan, _choose_size_of_picture(request, plan)),
        image=plan.input_key("image"),
        strength=default if request.strength is None else request.strength,
    )


def _inpainting(request: InpaintingRequest, plan: Plan) -> Inpainting:
    _check_same_size(request, plan.size)
    width, height = size_like(plan.size, plan.card, _at_most_default(plan.size, plan.card))
    return Inpainting(
        **drawing(plan, plan.size),
        image=plan.input_key("image"),
        mask=plan.input_key("mask"),
        drawn_width=width,
        drawn_height=height,
        dilation=request.dilation,
        feather=request.feather,
        paste_back=request.paste_back,
    )


def _outpainting(request: OutpaintingRequest, plan: Plan) -> Outpainting:
    size = extended_size(request, plan.size, plan.card)
    width, height = window_size(size, plan.card)
    return Outpainting(
        **drawing(plan, size),
        image=plan.input_key("image"),
        left=request.left,
        right=request.right,
        top=request.top,
        bottom=request.bottom,
        drawn_width=width,
        drawn_height=height,
        feather=request.feather,
    )


def _super_resolution(request: SuperResolutionRequest, plan: Plan) -> SuperResolution:
    scale = _choose_scale(request, plan.card)
    fields = {
        **rendering(plan, plan.card, check_picture(plan.size, plan.card, scale)),
        "steps": choose_steps(request, sampler_card(None, plan.card)),
        "image": plan.input_key("image"),
        "scale": scale,
    }
    return SuperResolution.model_validate(fields)


def _choose_size(request: TextToImageRequest, card: ModelCard) -> Size:
    if request.aspect_ratio:
        return fit_aspect_ratio(request.aspect_ratio, card)
    width, height = default_size(card)
    return check_size((request.width or width, request.height or height), card)


def _choose_size_of_picture(request: ImageToImageRequest, plan: Plan) -> Size:
    """The size that a picture is brought to before it is drawn again."""
    if request.aspect_ratio:
        return fit_aspect_ratio(request.aspect_ratio, plan.card)
    if request.width or request.height:
        return check_size(follow_shape(request.width, request.height, plan.size, plan.card), plan.card)
    return size_like(plan.size, plan.card, _default_area(plan.card))


def _default_area(card: ModelCard) -> int:
    width, height = default_size(card)
    return width * height


def _at_most_default(size: Size, card: ModelCard) -> int:
    return min(size[0] * size[1], _default_area(card))


def _check_same_size(request: InpaintingRequest, size: Size) -> None:
    for param, given, side in zip(("width", "height"), (request.width, request.height), size, strict=True):
        if given not in (None, side):
            message = f"{param} should be that of image, {side}, or be left out, got {given}"
            raise InvalidRequest(message, param=param)


def _choose_scale(request: SuperResolutionRequest, card: ModelCard) -> int:
    scale = max(card.scales) if request.scale is None else request.scale
    if scale not in card.scales:
        known = ", ".join(map(str, card.scales))
        message = f"scale should be one of {known} for model {card.id}, got {scale}"
        raise InvalidRequest(message, param="scale")
    return scale
