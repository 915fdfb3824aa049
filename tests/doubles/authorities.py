"""A certification authority of the test's own: root, intermediate, a seal's certificate, a real ``openssl ts`` that
stamps, and what a centre's seal file needs of them.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_TS_CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa-chain.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
ess_cert_id_chain = no
"""


class Authorities:
    """All in one folder: ``raiz.pem``, ``sello.pem`` and ``.key``, ``tsa-chain.pem``, ``ca.crl``, ``sello.toml``.

    ``brings_chain``: whether tokens carry the authority's intermediate too, which openssl then does not sort.
    ``lasts_days``: of the seal's certificate, which began two days ago.
    """

    def __init__(
        self, folder: Path, *, is_elliptic: bool = False, brings_chain: bool = False, lasts_days: int = 365
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._elliptic, self._lasts_days = is_elliptic, 365
        root_key, root = self._authority("AC Raíz de prueba", None)
        self._issuer = self._authority("AC de prueba", (root_key, root))
        stamper = self._issued("Autoridad de tiempo", usage=ExtendedKeyUsageOID.TIME_STAMPING)
        self._lasts_days = lasts_days
        seal = self._issued("Sello de CIOR")
        self.pem("raiz.pem", root)
        self.pem("tsa.pem", stamper[1])
        self.pem("tsa-chain.pem", *((self._issuer[1],) if brings_chain else ()))
        self.pem("intermedia.pem", self._issuer[1])
        self.pem("sello.pem", seal[1], self._issuer[1])
        self.key("sello.key", seal[0])
        self.key("tsa.key", stamper[0])
        self.revoke()
        (folder / "serial").write_text("01\n")
        (folder / "ts.cnf").write_text(_TS_CONFIG.format(folder=folder))
        self.seal_file()

    @classmethod
    def there(cls, folder: Path) -> Authorities:
        """What an earlier one made in ``folder``, to stamp with it in another process."""
        known = cls.__new__(cls)
        known.folder = folder
        return known

    def seal_file(
        self, *, tsa_url: str = "http://127.0.0.1:9/", key: str = 'key = "sello.key"', more: str = ""
    ) -> Path:
        """Write ``sello.toml``; tables come last."""
        path = self.folder / "sello.toml"
        path.write_text(
            f'certificate = "sello.pem"\nroot = "raiz.pem"\ntsa_url = "{tsa_url}"\ntsa_chain = "intermedia.pem"\n'
            f'crls = ["ca.crl"]\n{more}{key}\n'
        )
        return path

    def answer(self, query: bytes) -> bytes:
        """What ``openssl ts -reply`` answers."""
        asked, said = self.folder / "query.tsq", self.folder / "reply.tsr"
        asked.write_bytes(query)
        command = [
            "openssl",
            "ts",
            "-reply",
            "-config",
            "ts.cnf",
            "-queryfile",
            asked.name,
            "-out",
            said.name,
        ]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)
        return said.read_bytes()

    def revoke(self, *certificates: x509.Certificate) -> None:
        """Write the intermediate's revocation list."""
        key, issuer = self._issuer
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.subject)
            .last_update(now - timedelta(hours=1))
        )
        made = made.next_update(now + timedelta(days=30))
        for each in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(each.serial_number)
            made = made.add_revoked_certificate(entry.revocation_date(now - timedelta(minutes=30)).build())
        made = made.add_extension(x509.CRLNumber(1), critical=False)
        der = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        (self.folder / "ca.crl").write_bytes(der)

    def certificate(self, name: str) -> x509.Certificate:
        """The first certificate of a file."""
        return x509.load_pem_x509_certificates((self.folder / name).read_bytes())[0]

    def pem(self, name: str, *certificates: x509.Certificate) -> None:
        content = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
        (self.folder / name).write_bytes(content)

    def key(self, name: str, key: Key) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def _new_key(self) -> Key:
        return (
            ec.generate_private_key(ec.SECP256R1())
            if self._elliptic
            else rsa.generate_private_key(65537, 2048)
        )

    def _authority(
        self, name: str, issuer: tuple[Key, x509.Certificate] | None
    ) -> tuple[Key, x509.Certificate]:
        key = self._new_key()
        made = _builder(name, issuer[1].subject if issuer else None, key, self._lasts_days)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(_usage(certificates=True), critical=True)
        return key, made.sign(issuer[0] if issuer else key, hashes.SHA256())

    def _issued(
        self, name: str, *, usage: x509.ObjectIdentifier | None = None
    ) -> tuple[Key, x509.Certificate]:
        key = self._new_key()
        made = _builder(name, self._issuer[1].subject, key, self._lasts_days)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(_usage(certificates=False), critical=True)
        if usage is not None:
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._issuer[0].public_key())
        made = made.add_extension(issuer_id, critical=False)
        return key, made.sign(self._issuer[0], hashes.SHA256())


def _builder(name: str, issuer: x509.Name | None, key: Key, lasts_days: int) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
    )
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=lasts_days))
    return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates, content_commitment=not certificates, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=certificates, crl_sign=certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


@contextmanager
def tsa_over_http(authorities: Authorities) -> Iterator[str]:
    """The same over real HTTP on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = authorities.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
