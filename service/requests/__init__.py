"""What callers ask for, one class for each kind of job."""

from service.requests.beautification import BeautificationRequest
from service.requests.drawing import (
    AspectRatio,
    DrawingRequest,
    ImageToImageRequest,
    ShapedRequest,
    TextToImageRequest,
)
from service.requests.job import JobRequest
from service.requests.painting import InpaintingRequest, OutpaintingRequest
from service.requests.picture import JobReference, Picture, PictureFile, UploadReference
from service.requests.rendering import PictureRequest, RenderingRequest
from service.requests.super_resolution import SuperResolutionRequest
from service.requests.wording import WordedRequest

__all__ = [
    "AspectRatio",
    "BeautificationRequest",
    "DrawingRequest",
    "ImageToImageRequest",
    "InpaintingRequest",
    "JobReference",
    "JobRequest",
    "OutpaintingRequest",
    "Picture",
    "PictureFile",
    "PictureRequest",
    "RenderingRequest",
    "ShapedRequest",
    "SuperResolutionRequest",
    "TextToImageRequest",
    "UploadReference",
    "WordedRequest",
]
