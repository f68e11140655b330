"""Styles: what a prompt can be put in."""

from fastapi import APIRouter

from service.answers.schemas import StyleList
from service.dependencies import TheGateway

router = APIRouter(prefix="/v1/styles", tags=["styles"])


@router.get("")
def list_styles(gateway: TheGateway) -> StyleList:
    """List the styles that a request may name.

    The prompt takes the place of `{prompt}` in the template of its style. The style's negative prompt is
    added to that of the request, unless the sampler takes none.
    """
    return StyleList(data=list(gateway.styles.values()))
