"""The exchange's seal on its own PDF documents: a PAdES signature that covers the whole file (pyHanko).

The key is a file of the operator (``SIGNING_KEY``, ``SIGNING_CERTIFICATE``). In development one is made by itself and
kept in ``var/signing``; in production nothing is signed without a real one (ux-reliability.md R-031).
"""

from __future__ import annotations

import contextvars
import io
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from exchange.core import clock
from exchange.core.config import settings
from exchange.core.errors import N_, Unavailable

T = TypeVar("T")

FIELD: Final = "Rongyi"
"""Name of the signature's field in the document."""

_LASTS: Final = timedelta(days=3650)
"""How long the certificate made in development lasts."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a check of a document found. ``good`` is all of it together."""

    signed: bool
    intact: bool = False
    whole: bool = False
    """Whether the signature covers the whole file, with nothing added behind it."""
    ours: bool = False
    """Whether the key is the exchange's present one, or one that leads to the same root."""
    signer: str = ""
    signed_at: datetime | None = None

    @property
    def good(self) -> bool:
        """The document is ours and nothing was changed or added."""
        return self.signed and self.intact and self.whole and self.ours


def sign(pdf: bytes, *, reason: str) -> bytes:
    """The document with the exchange's signature, which forbids every later change.

    Raises ``Unavailable`` (``seal.no_key``) in production without a key.
    """
    # Heavy, and most processes never sign.
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    about = signers.PdfSignatureMetadata(
        field_name=FIELD,
        reason=reason,
        subfilter=fields.SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        md_algorithm="sha256",
    )
    return _apart(lambda: bytes(signers.sign_pdf(writer, about, signer=_signer()).getvalue()))


def check(pdf: bytes) -> Seal:
    """What can be said of a document that claims to be the exchange's. Never raises: a file that is none is not signed."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko_certvalidator import ValidationContext

    try:
        found = list(PdfFileReader(io.BytesIO(pdf)).embedded_signatures)
        if not found:
            return Seal(signed=False)
        signer = _signer()
        roots = [signer.signing_cert, *signer.cert_registry]
        # The day of signing counts: a certificate that has run out since does not undo what it signed.
        at = found[-1].self_reported_timestamp
        context = ValidationContext(trust_roots=roots, allow_fetching=False, moment=at)
        status = _apart(lambda: validate_pdf_signature(found[-1], context))
    except (PdfError, SignatureValidationError, ValueError):
        return Seal(signed=False)
    return Seal(
        signed=True,
        intact=bool(status.intact and status.valid),
        whole=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        ours=bool(status.trusted),
        signer=str(status.signing_cert.subject.native.get("common_name", "")),
        signed_at=status.signer_reported_dt,
    )


def _apart(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread of its own: the library starts an event loop, and its caller may run one already."""
    with ThreadPoolExecutor(max_workers=1) as one:
        return one.submit(contextvars.copy_context().run, work).result()


def certificate() -> bytes:
    """The certificate of the signing key (PEM), for those who check documents without the exchange."""
    return _files()[1].read_bytes()


def _signer() -> Any:
    from pyhanko.keys import load_certs_from_pemder, load_private_key_from_pemder
    from pyhanko.sign.signers import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key, chain = _files()
    own, *others = load_certs_from_pemder([str(chain)])  # type: ignore[no-untyped-call]
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(others)
    return SimpleSigner(
        signing_cert=own,
        signing_key=load_private_key_from_pemder(str(key), passphrase=None),
        cert_registry=store,
    )


def _files() -> tuple[Path, Path]:
    """The files of key and certificate."""
    given = settings()
    if given.signing_key is not None and given.signing_certificate is not None:
        return given.signing_key, given.signing_certificate
    if given.production:
        raise Unavailable(
            "seal.no_key",
            N_(
                "The exchange has no key to sign documents with, so none is issued. Tell the operator: SIGNING_KEY."
            ),
            rule="SIGNING_KEY",
        )
    folder = given.var / "signing"
    if not folder.is_dir():
        _make(folder)
    return folder / "key.pem", folder / "certificate.pem"


def _make(folder: Path) -> None:
    """Make a key and its certificate. Of two processes that do it at once the first one's stay."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(mkdtemp(prefix="signing.", dir=folder.parent))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Rongyi 榕易 (development)"),
        ]
    )
    now = clock.wall()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LASTS)
        .not_valid_after(now + _LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_FOR_SIGNING, critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (fresh / "key.pem").write_bytes(private)
    (fresh / "key.pem").chmod(0o600)
    (fresh / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    try:
        os.rename(fresh, folder)  # noqa: PTH104  must fail where the other process has put a folder with files
    except OSError:
        shutil.rmtree(fresh)
        if not folder.is_dir():
            raise


_FOR_SIGNING: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
