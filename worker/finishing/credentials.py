"""Content credentials (C2PA): a signed statement in the file of a picture that a network made it."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import c2pa
from PIL import Image

from worker.finishing.errors import CannotFinish
from worker.finishing.metadata import SOFTWARE, service_version
from worker.jobs.job import Job
from worker.jobs.stages import ImageToImage, Inpainting, Outpainting, SuperResolution

#: What a key may sign by; which it is, is tried.
ALGORITHMS = ("es256", "es384", "es512", "ps256", "ed25519")
#: What the library says of a key that is none for an algorithm.
MISFIT = "private key"
#: What begins with nothing, and what with somebody's picture, as the IPTC calls them.
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype"
MADE, REMADE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Credentials:
    """A private key, and the certificates that tell whose it is."""

    #: PEM, that of the key first.
    certificates: bytes
    #: PEM.
    key: bytes = field(repr=False)
    algorithm: str
    context: c2pa.Context = field(repr=False, compare=False)

    def sign(self, content: bytes, content_type: str, job: Job) -> bytes:
        """The file of a picture of a job with the statement in it."""
        return self._sign(content, content_type, _statement(job.input.model, _source_type(job)))

    def check(self) -> None:
        """Sign a small picture; the library holds what it signed against the rules. Raises C2paError."""
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, "JPEG")
        self._sign(file.getvalue(), "image/jpeg", _statement("check", MADE))

    def _sign(self, content: bytes, content_type: str, statement: dict[str, Any]) -> bytes:
        info = c2pa.C2paSignerInfo(self.algorithm, self.certificates, self.key, None)
        signed = io.BytesIO()
        # Each picture has a signer of its own, as threads must not share one.
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(statement, self.context) as builder:
            builder.sign(signer, content_type, io.BytesIO(content), signed)
        return signed.getvalue()


def load_credentials(certificates: Path, key: Path) -> Credentials:
    """The credentials in two PEM files. Raises CannotFinish when nothing can be signed with them."""
    try:
        contents = certificates.read_bytes(), key.read_bytes()
    except OSError as error:
        raise CannotFinish(f"the content credentials cannot be read: {error}") from error
    context = c2pa.Context(c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))
    reasons = []
    for algorithm in ALGORITHMS:
        credentials = Credentials(*contents, algorithm, context)
        try:
            credentials.check()
        except c2pa.C2paError as error:
            reasons.append(str(error))
        else:
            return credentials
    reason = next((reason for reason in reasons if MISFIT not in reason), reasons[0])
    raise CannotFinish(f"nothing can be signed with {certificates} and {key}: {reason}")


def _statement(model: str, source_type: str) -> dict[str, Any]:
    """What is said of a picture."""
    action = {
        "action": "c2pa.created",
        "digitalSourceType": f"{SOURCE_TYPES}/{source_type}",
        "softwareAgent": {"name": model, "version": service_version()},
    }
    return {
        "claim_generator_info": [{"name": SOFTWARE, "version": service_version()}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }


def _source_type(job: Job) -> str:
    match job.input:
        case ImageToImage() | Inpainting() | Outpainting() | SuperResolution():
            return REMADE
    return MADE
