"""When the certificate that a source shows its devices ends: at that second all of them fall silent together, so a
centre must know weeks before.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from cryptography import x509

from cior_bus.metrics import Metrics
from cior_connectors._runtime import metrics as m

_LOG = structlog.get_logger(__name__)
FIELD = "tls_certificate"
"""How a connector's configuration names the PEM chain that it serves."""


def tell_end(config: object, *, instance: str, metrics: Metrics) -> None:
    """Say when the chain that was just loaded ends, if this connector serves one. A chain that cannot be read is
    logged: numbers never cost a source its work.
    """
    file = getattr(config, FIELD, "")
    if not file:
        return
    try:
        metrics.set(m.CERTIFICATE_END, instance, value=end_unix_s(Path(file)))
    except (OSError, ValueError) as error:
        _LOG.warning("certificate_unread", instance=instance, reason=type(error).__name__)


def end_unix_s(path: Path) -> float:
    """The first end among the certificates of a PEM chain, in Unix seconds. Raises ``OSError``, ``ValueError``."""
    chain = x509.load_pem_x509_certificates(path.read_bytes())
    return min(each.not_valid_after_utc.timestamp() for each in chain)
