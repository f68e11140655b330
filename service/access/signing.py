"""URLs of pictures that need no API key: who knows one may see that picture, for a time."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

#: Seconds in which a picture has one and the same URL, so that answers can be kept and compared.
STEP_SECONDS = 3600


@dataclass(frozen=True)
class UrlSigner:
    """Signs and verifies the queries of such URLs."""

    secret: bytes = field(repr=False)
    #: How long a URL is good at the least.
    seconds: int

    def query(self, image_id: str) -> str:
        """What to put behind the `?` of the URL of a picture."""
        step = min(STEP_SECONDS, self.seconds)
        expires = -int(-(time.time() + self.seconds) // step) * step
        return f"expires={expires}&signature={self._signature(image_id, expires)}"

    def is_good(self, image_id: str, expires: int, signature: str) -> bool:
        """Whether a URL with these was signed for this picture and has not expired."""
        expected = self._signature(image_id, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and time.time() < expires

    def _signature(self, image_id: str, expires: int) -> str:
        digest = hmac.digest(self.secret, f"{image_id}\n{expires}".encode(), hashlib.sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
