"""Styles under the names that FusionBrain would give them."""

from fastapi import APIRouter

from service.dependencies import TheGateway
from service.fusionbrain.schemas import FusionStyle

NO_STYLE = FusionStyle(name="DEFAULT", title="Свой стиль", title_en="No style")


#: What FusionBrain has on another host, where no key is needed.
router = APIRouter(prefix="/static/styles", tags=["FusionBrain"])


@router.get("/key")
def list_styles(gateway: TheGateway) -> list[FusionStyle]:
    """List the styles under the names that `style` takes in FusionBrain's API; no key is needed."""
    named = [
        FusionStyle(name=_shout(style.name), title=style.title_ru, title_en=style.title)
        for style in gateway.styles.values()
    ]
    return [NO_STYLE, *named]


def find_style(name: str | None) -> str | None:
    """Our name of a style, which need not be one; None stands for no style."""
    if not name or name.upper() == NO_STYLE.name:
        return None
    return name.lower().replace("_", "-")


def _shout(name: str) -> str:
    return name.upper().replace("-", "_")
