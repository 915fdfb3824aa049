"""The demo's justice: an authority of certificates and of time that is made up on this machine and says so, and nothing
else of a real one (RFC 5280; RFC 3161, over HTTP on loopback).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from cior_bus import durable_file
from cior_bus.embedded.tansu import LOOPBACK

BITS = 2048
DAYS = 30
QUERY_BYTES_MAX = 16_384
_EARLIER = dt.timedelta(hours=1)


class Court:
    """In one folder: ``raiz.pem`` (what a verifier must have from elsewhere), the seal's certificate and key, the
    authority's revocation list, and the time stamper's own certificate. Made anew for each demo; nobody else knows it.
    """

    def __init__(self, folder: Path, *, at: dt.datetime) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._at = folder, at
        self._root_key = _key()
        self._root = self._certificate(
            "Raíz de la demostración, no es una autoridad", self._root_key.public_key()
        )
        seal_key, stamper_key = _key(), _key()
        seal = self._certificate("Sello de la demostración", seal_key.public_key(), issued=True)
        stamper = self._certificate(
            "Hora de la demostración", stamper_key.public_key(), issued=True, stamps=True
        )
        durable_file.replace(self.root, _pem(self._root))
        durable_file.replace(folder / "sello.pem", _pem(seal))
        durable_file.replace(folder / "sello.key", _private(seal_key, serialization.Encoding.PEM))
        (folder / "sello.key").chmod(0o600)
        durable_file.replace(folder / "raiz.crl", self._revocations())
        der = serialization.Encoding.DER
        self._stamper = DummyTimeStamper(
            asn1_x509.Certificate.load(stamper.public_bytes(der)),
            keys.PrivateKeyInfo.load(_private(stamper_key, der)),
        )

    @property
    def root(self) -> Path:
        """The root certificate."""
        return self.folder / "raiz.pem"

    @contextmanager
    def open(self) -> Iterator[Path]:
        """The time stamper answers while this lasts; the seal's file for ``cior evidence package``."""
        stamp = self._stamp

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = stamp(self.rfile.read(min(QUERY_BYTES_MAX, int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *_arguments: object) -> None:  # noqa: A002  (the base class's name)
                """Nothing: the demo's own words stay readable."""

        server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name="demo-time-stamps", daemon=True
        )
        thread.start()
        try:
            yield self._seal_file(server.server_port)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _stamp(self, query: bytes) -> bytes:
        answer: bytes = self._stamper.request_tsa_response(tsp.TimeStampReq.load(query)).dump()
        return answer

    def _seal_file(self, port: int) -> Path:
        path = self.folder / "sello.toml"
        lines = (
            'certificate = "sello.pem"',
            'root = "raiz.pem"',
            f'tsa_url = "http://{LOOPBACK}:{port}/"',
            'crls = ["raiz.crl"]',
            'key = "sello.key"',
        )
        durable_file.replace(path, "\n".join((*lines, "")).encode())
        return path

    def _certificate(
        self, name: str, public: rsa.RSAPublicKey, *, issued: bool = False, stamps: bool = False
    ) -> x509.Certificate:
        """Of the root itself, or one that it vouches for; ``stamps``: for time-stamping alone (RFC 3161 §2.3)."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._root.subject if issued else subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._at - _EARLIER)
            .not_valid_after(self._at + dt.timedelta(days=DAYS))
            .add_extension(x509.BasicConstraints(ca=not issued, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=not issued), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if issued:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._root_key.public_key())
            made = made.add_extension(issuer, critical=False)
        if stamps:
            only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            made = made.add_extension(only, critical=True)
        return made.sign(self._root_key, hashes.SHA256())

    def _revocations(self) -> bytes:
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._root.subject)
            .last_update(self._at - _EARLIER)
            .next_update(self._at + dt.timedelta(days=DAYS))
            .add_extension(x509.CRLNumber(1), critical=False)
        )
        return made.sign(self._root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, BITS)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: rsa.RSAPrivateKey, encoding: serialization.Encoding) -> bytes:
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=not signs_certificates,
        key_cert_sign=signs_certificates, crl_sign=signs_certificates, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
