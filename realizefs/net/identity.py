"""The identity of this machine: an Ed25519 key and the self-signed certificate of it.

There is no authority and nothing expires: a peer is trusted because its certificate stands in the
roster, until it is taken out. So validity covers all time, which also makes wrong clocks harmless.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from realizefs.model.errors import StoreFault
from realizefs.model.ids import PeerId, peer_id_of

KEY_FILE = "key.pem"
CERTIFICATE_FILE = "cert.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: `certificate` is DER; the files are what `ssl` loads."""

    peer: PeerId
    name: str
    certificate: bytes
    key_file: Path
    certificate_file: Path


def peer_id(certificate: bytes) -> PeerId:
    """The id of the peer with this DER certificate."""
    return peer_id_of(certificate)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a DER certificate, 64 hex digits."""
    return sha256(certificate).hexdigest()


def load_or_create_identity(directory: Path, name: str) -> Identity:
    """The identity in `directory`, made on first use; `name` then goes into the certificate.

    Raises StoreFault if the files can't be read, or the key isn't that of the certificate.
    """
    key_file, certificate_file = directory / KEY_FILE, directory / CERTIFICATE_FILE
    check_key(directory)
    try:
        # The certificate is written last: without it the key was never used by anybody.
        if not certificate_file.exists():
            _create(directory, name)
        certificate = _load(key_file, certificate_file)
    except OSError as error:
        raise StoreFault(
            f"The identity in {directory} can't be used: {error.strerror} ({error.filename})."
        ) from error
    return Identity(peer_id_of(certificate), name, certificate, key_file, certificate_file)


def check_key(directory: Path) -> None:
    """Raises StoreFault where there is a certificate of which the key is lost."""
    if (directory / CERTIFICATE_FILE).exists() and not (directory / KEY_FILE).exists():
        raise StoreFault(
            f"{directory / KEY_FILE} is lost, the key of {CERTIFICATE_FILE} beside it; restore it from a"
            " backup, or remove that, too, and join the household anew."
        )


def _load(key_file: Path, certificate_file: Path) -> bytes:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise StoreFault(
            f"{key_file} or {certificate_file.name} beside it is damaged; restore both from a"
            " backup, or remove both and join the household anew."
        ) from error
    if not isinstance(key, Ed25519PrivateKey) or key.public_key() != certificate.public_key():
        raise StoreFault(
            f"{key_file} is not the key of {certificate_file.name} beside it; restore both from a"
            " backup, or remove both and join the household anew."
        )
    return certificate.public_bytes(Encoding.DER)


def _create(directory: Path, name: str) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    certificate = _self_signed(key, name)
    _write(
        directory / KEY_FILE,
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        mode=0o600,
    )
    _write(directory / CERTIFICATE_FILE, certificate.public_bytes(Encoding.PEM), mode=0o644)


def _self_signed(key: Ed25519PrivateKey, name: str) -> x509.Certificate:
    # The random serial in the subject keeps two machines of one name apart: trust anchors are
    # looked up by subject.
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, _common_name(name)),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, secrets.token_hex(16)),
        ]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(1970, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))  # RFC 5280: no end
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, algorithm=None)
    )


def _common_name(name: str) -> str:
    """X.509 allows 1 to 64 characters; it is for people who look at the certificate only."""
    return "".join(char for char in name if char.isprintable())[:64] or "realizefs"


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write in full or not at all, whatever crashes; never readable by others meanwhile."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
