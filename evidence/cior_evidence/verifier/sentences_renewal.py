"""What a verifier says of renewals; the form is that of ``sentences.py``."""

from __future__ import annotations

RENEWAL_SENTENCES = {
    "renewal.missing": (
        12,
        "error",
        "A una renovación le falta su lista o su sello de tiempo.",
        "A renewal lacks its list or its time-stamp.",
    ),
    "renewal.malformed": (
        12,
        "error",
        "Una renovación no se puede leer.",
        "A renewal cannot be read.",
    ),
    "renewal.dropped": (
        12,
        "error",
        "Una renovación selló este archivo, y el archivo no está.",
        "A renewal stamped this file, and the file is not there.",
    ),
    "renewal.digest": (
        12,
        "error",
        "Este archivo cambió después de una renovación.",
        "This file was changed after a renewal.",
    ),
    "renewal.uncovered": (
        12,
        "error",
        "Una renovación no nombra este archivo, que debía sellar.",
        "A renewal does not name this file, which it had to stamp.",
    ),
    "renewal.order": (
        12,
        "error",
        "Las renovaciones no están en el orden en que se hicieron.",
        "The renewals do not stand in the order in which they were made.",
    ),
    "renewal.late": (
        12,
        "error",
        "La renovación llegó tarde: el certificado del sello de tiempo anterior ya había vencido.",
        "The renewal came too late: the certificate of the time-stamp before it had ended.",
    ),
    "renewal.overdue": (
        12,
        "note",
        "El certificado del último sello de tiempo venció y nadie lo renovó: pida la renovación a quien lo armó.",
        "The last time-stamp's certificate ended and nobody renewed it: ask the builder for its renewal.",
    ),
}
