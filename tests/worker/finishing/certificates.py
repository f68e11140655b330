"""Certificates of our own making, such as C2PA wants them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Party:
    """Somebody with a key."""

    name: str
    key: EllipticCurvePrivateKey = field(default_factory=partial(generate_private_key, SECP256R1()))

    @property
    def subject(self) -> x509.Name:
        parts = {NameOID.ORGANIZATION_NAME: "Test", NameOID.COMMON_NAME: self.name}
        return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])


def write_certificates(folder: Path, days: int = 30) -> tuple[Path, Path]:
    """The files of a chain of two certificates, good for so many days, and of the key of the first."""
    root, pictures = Party("root"), Party("pictures")
    chain = _certify(pictures, root, days), _certify(root, root, days)
    chain_file, key_file = folder / "chain.pem", folder / "key.pem"
    chain_file.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    key_file.write_bytes(pictures.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain_file, key_file


def _certify(party: Party, issuer: Party, days: int) -> x509.Certificate:
    is_root, now, public = party is issuer, datetime.now(UTC), party.key.public_key()
    uses = {"key_cert_sign", "crl_sign"} if is_root else {"digital_signature"}
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(party.subject)
        .issuer_name(issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.KeyUsage(**{use: use in uses for use in USES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority, critical=False)
    )
    if not is_root:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purpose, critical=False)
    return builder.sign(issuer.key, hashes.SHA256())
