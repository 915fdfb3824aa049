"""Every code that a verifier may say: its step, its weight, and a sentence in Spanish and in English.

``error``: something is wrong. ``unproven``: something from outside is missing, so nothing can be said. ``note``: worth
knowing, proves nothing against the package. ``verificar.html`` is built with the same table.
"""

from __future__ import annotations

from cior_evidence.verifier.sentences_later import (
    BOX_SENTENCES,
    CAMERA_SENTENCES,
    COPY_SENTENCES,
    DAILY_SENTENCES,
    PART_SENTENCES,
    RENEWAL_SENTENCES,
)

STEPS = {
    1: ("Qué hay en la carpeta o el ZIP", "What lies in the folder or the ZIP"),
    2: ("Declaración y manifiestos", "Declaration and manifests"),
    3: ("Cada archivo contra su digesto", "Each file against its digest"),
    4: ("Firma del sello", "The seal's signature"),
    5: ("Certificado del sello", "The seal's certificate"),
    6: ("Sellos de tiempo", "Time-stamps"),
    7: ("Datos del pedido", "The request's data"),
    8: ("Video nativo", "Native video"),
    9: ("Huecos, relojes y fechas", "Gaps, clocks and dates"),
    10: ("Cadena de custodia y registro público", "Custody and the public ledger"),
    11: ("Acta en PDF", "The act in PDF"),
    12: ("Renovaciones del sello de tiempo", "Renewals of the time-stamp"),
}

SENTENCES = {
    # --- 1 ---
    "pkg.empty": (1, "error", "Acá no hay ningún paquete.", "There is no package here."),
    "pkg.extra": (
        1,
        "error",
        "Hay un archivo que no es del paquete.",
        "A file that is not the package's lies in it.",
    ),
    "pkg.missing": (
        1,
        "error",
        "Falta un archivo que acompaña al paquete.",
        "A file that travels along is missing.",
    ),
    "dir.empty": (1, "error", "Hay una carpeta vacía.", "There is an empty folder."),
    "path.symlink": (1, "error", "Es un enlace: lleva a otro lado.", "It is a link: it leads elsewhere."),
    "path.special": (1, "error", "No es un archivo común.", "It is not a plain file."),
    "path.hardlink": (
        1,
        "note",
        "El archivo tiene otro nombre en este disco (enlace duro).",
        "The file has another name on this disk (hard link).",
    ),
    "path.stream": (1, "error", "Lleva un flujo de datos oculto.", "It carries a hidden stream of data."),
    "path.deep": (1, "error", "Hay demasiadas carpetas anidadas.", "Folders are nested too deep."),
    "path.many": (1, "error", "Hay demasiados archivos.", "There are too many files."),
    "file.unreadable": (1, "error", "No se puede leer.", "It cannot be read."),
    "verifier.replaced": (
        1,
        "error",
        "Lo que viaja al lado de la bolsa no es lo que se selló: no lo use, consiga otra copia.",
        "What travels beside the bag is not what was sealed: do not use it, get another copy.",
    ),
    "zip.malformed": (1, "error", "El ZIP está roto.", "The ZIP is broken."),
    "zip.bomb": (
        1,
        "error",
        "El ZIP está comprimido o miente sobre tamaños.",
        "The ZIP is compressed or lies about sizes.",
    ),
    "zip.unsafe": (
        1,
        "error",
        "El ZIP tiene un nombre que sale de la carpeta o no corresponde.",
        "The ZIP has a name that leaves the folder or does not belong.",
    ),
    "zip.twice": (1, "error", "El ZIP tiene dos veces el mismo nombre.", "The ZIP has one name twice."),
    "zip.symlink": (1, "error", "El ZIP contiene un enlace.", "The ZIP holds a link."),
    "zip.prefix": (1, "error", "El ZIP tiene algo delante.", "Something stands before the ZIP."),
    "zip.comment": (
        1,
        "error",
        "El ZIP tiene un comentario o algo detrás.",
        "The ZIP has a comment or a tail.",
    ),
    "zip.hidden": (
        1,
        "error",
        "El ZIP tiene bytes entre sus archivos.",
        "The ZIP has bytes between its files.",
    ),
    # --- 2 ---
    "bag.declaration": (
        2,
        "error",
        "bagit.txt no es el de BagIt 1.0.",
        "bagit.txt is not that of BagIt 1.0.",
    ),
    "bag.fetch": (2, "error", "fetch.txt está prohibido.", "fetch.txt is forbidden."),
    "bag.missing": (
        2,
        "error",
        "Falta un archivo que la bolsa exige.",
        "A file that the bag needs is missing.",
    ),
    "bag.oxum": (
        2,
        "error",
        "Payload-Oxum no es la cuenta de bytes y archivos.",
        "Payload-Oxum is not the count of bytes and files.",
    ),
    "manifest.line": (
        2,
        "error",
        "Una línea del manifiesto no se entiende.",
        "A line of the manifest means nothing.",
    ),
    "manifest.format": (2, "error", "El manifiesto está cortado.", "The manifest is cut."),
    "manifest.encoding": (
        2,
        "error",
        "El manifiesto no es UTF-8 con LF y sin BOM.",
        "The manifest is not UTF-8 with LF and no BOM.",
    ),
    "manifest.order": (2, "error", "El manifiesto no está ordenado.", "The manifest is not in order."),
    "manifest.disagree": (
        2,
        "error",
        "Los dos manifiestos no dicen lo mismo.",
        "The two manifests do not say the same.",
    ),
    "path.unsafe": (
        2,
        "error",
        "Un nombre puede salir de la bolsa o significar otra cosa en otro sistema.",
        "A name may leave the bag or mean something else on another system.",
    ),
    "path.twice": (2, "error", "Un nombre está dos veces.", "A name stands twice."),
    # --- 3 ---
    "file.changed": (3, "error", "El contenido cambió.", "The content was changed."),
    "tag.changed": (
        3,
        "error",
        "Un archivo de datos de la bolsa cambió.",
        "A file about the bag was changed.",
    ),
    "file.missing": (3, "error", "Falta el archivo.", "The file is missing."),
    "file.extra": (3, "error", "El archivo no está en ningún manifiesto.", "The file is in no manifest."),
    # --- 4 ---
    "sig.missing": (4, "error", "Falta la firma del sello.", "The seal's signature is missing."),
    "sig.malformed": (
        4,
        "error",
        "La firma no es CMS bien formado.",
        "The signature is not well-formed CMS.",
    ),
    "sig.trailing": (4, "error", "Hay bytes detrás de la firma.", "Bytes stand behind the signature."),
    "sig.weak": (
        4,
        "error",
        "La firma usa un algoritmo que hoy se falsifica.",
        "The signature can be forged today.",
    ),
    "sig.content": (
        4,
        "error",
        "La firma es de otro tagmanifest-sha256.txt.",
        "The signature is of another tagmanifest-sha256.txt.",
    ),
    "sig.signer": (
        4,
        "error",
        "No está el certificado de quien firmó.",
        "The signer's certificate is not there.",
    ),
    "sig.value": (4, "error", "La firma no es de esa clave.", "The signature is not of that key."),
    "sig.cades": (
        4,
        "error",
        "La firma no nombra al certificado que la acompaña (CAdES).",
        "The signature does not name the certificate beside it (CAdES).",
    ),
    "sig.otherkey": (
        4,
        "error",
        "Firmó otro certificado que el que el paquete declara.",
        "Another certificate signed than the one that the package declares.",
    ),
    # --- 5 ---
    "cert.noroot": (
        5,
        "unproven",
        "Falta la raíz, que debe venir de afuera: use --root raiz.pem.",
        "The root is missing, which must come from outside: use --root raiz.pem.",
    ),
    "cert.nochain": (5, "error", "Falta la cadena de certificados.", "The chain of certificates is missing."),
    "cert.malformed": (5, "error", "Un certificado no se puede leer.", "A certificate cannot be read."),
    "cert.untrusted": (
        5,
        "error",
        "El certificado no llega a la raíz que usted trajo.",
        "The certificate does not lead to the root that you brought.",
    ),
    "cert.expired": (5, "error", "El certificado estaba vencido.", "The certificate was expired."),
    "cert.early": (5, "error", "El certificado todavía no valía.", "The certificate was not valid yet."),
    "cert.notauthority": (
        5,
        "error",
        "Quien lo emitió no es una autoridad.",
        "Its issuer is not an authority.",
    ),
    "cert.critical": (
        5,
        "error",
        "Tiene una condición que este programa no conoce.",
        "It has a condition that this program does not know.",
    ),
    "cert.usage": (
        5,
        "error",
        "El certificado no es para firmar documentos.",
        "It is not for signing documents.",
    ),
    "cert.weak": (
        5,
        "error",
        "Un certificado usa un algoritmo que hoy se falsifica.",
        "A certificate can be forged.",
    ),
    "cert.revoked": (5, "error", "El certificado estaba revocado.", "The certificate was revoked."),
    "cert.revokedlater": (
        5,
        "note",
        "Fue revocado después de la fecha del sello de tiempo.",
        "It was revoked after the time-stamp's date.",
    ),
    "crl.missing": (
        5,
        "note",
        "No hay lista de revocación de quien lo emitió: no se sabe si fue revocado.",
        "There is no revocation list of its issuer: whether it was revoked is not known.",
    ),
    "crl.stale": (
        5,
        "note",
        "La lista de revocación había vencido en esa fecha.",
        "The revocation list had run out at that date.",
    ),
    "crl.malformed": (
        5,
        "error",
        "Una lista de revocación no se puede leer.",
        "A revocation list cannot be read.",
    ),
    # --- 6 ---
    "time.missing": (6, "error", "Falta el sello de tiempo.", "The time-stamp is missing."),
    "time.inner": (
        6,
        "error",
        "Falta el sello de tiempo dentro de la firma.",
        "The time-stamp inside the signature is missing.",
    ),
    "time.malformed": (6, "error", "El sello de tiempo no se puede leer.", "The time-stamp cannot be read."),
    "time.trailing": (
        6,
        "error",
        "Hay bytes detrás del sello de tiempo.",
        "Bytes stand behind the time-stamp.",
    ),
    "time.weak": (6, "error", "El sello de tiempo se falsifica hoy.", "The time-stamp can be forged today."),
    "time.imprint": (
        6,
        "error",
        "El sello de tiempo es de otra cosa.",
        "The time-stamp is of something else.",
    ),
    "time.signer": (
        6,
        "error",
        "No está el certificado de la autoridad de tiempo.",
        "The time authority's certificate is not there.",
    ),
    "time.value": (6, "error", "El sello de tiempo fue alterado.", "The time-stamp was altered."),
    "time.eku": (
        6,
        "error",
        "Quien lo emitió no es una autoridad de tiempo.",
        "Its issuer is no time authority.",
    ),
    "time.order": (6, "error", "Las fechas del sello van hacia atrás.", "The seal's dates run backwards."),
    "time.late": (
        6,
        "error",
        "El sello de tiempo llegó más de un día después.",
        "The time-stamp came a day late.",
    ),
    "time.beforeevent": (
        9,
        "error",
        "El paquete habla de algo posterior a su sello de tiempo.",
        "The package tells of something later than its time-stamp.",
    ),
    # --- 7 ---
    "meta.missing": (7, "error", "Falta un archivo de datos.", "A file of data is missing."),
    "meta.malformed": (7, "error", "No es JSON bien formado.", "It is not well-formed JSON."),
    "meta.duplicate": (7, "error", "Un nombre está dos veces en el mismo objeto.", "One key stands twice."),
    "meta.number": (7, "error", "Hay un número que no es un número.", "A number is no number."),
    "meta.field": (7, "error", "Falta un dato o no se entiende.", "A field is missing or means nothing."),
    "id.mixed": (
        7,
        "error",
        "Nombra otro paquete u otra causa.",
        "It names another package or another case.",
    ),
    "request.oneperson": (
        7,
        "error",
        "Aprobó la misma persona que recibió o exportó.",
        "The one who approved also received or exported.",
    ),
    "request.negative": (
        7,
        "error",
        "Una constancia negativa trae video, o no dice qué niega.",
        "A negative certificate holds video, or does not say what it denies.",
    ),
    "index.digest": (
        7,
        "error",
        "El índice no nombra ese archivo con su digesto.",
        "The index names another digest.",
    ),
    "index.unlisted": (7, "error", "Un archivo no está en su índice.", "A file is not in its index."),
    "verifier.unsealed": (
        7,
        "note",
        "El paquete no declara los digestos de los verificadores que viajan con él.",
        "The package does not declare the digests of the verifiers that travel with it.",
    ),
    "copy.asnative": (
        7,
        "error",
        "Una copia (recodificada, velada) se ofrece como original de la cámara.",
        "A copy (encoded again, veiled) is offered as the camera's original.",
    ),
    "digest.other": (
        7,
        "error",
        "No es el paquete del acta o del recibo que usted tiene.",
        "It is not the package of the act or receipt that you hold.",
    ),
    # --- 8 ---
    "segment.digest": (
        8,
        "error",
        "La lista de segmentos dice otro digesto.",
        "The list names another digest.",
    ),
    "segment.order": (
        8,
        "error",
        "La lista de segmentos está desordenada o repetida.",
        "The list of segments is out of order or repeats itself.",
    ),
    "segment.missing": (8, "error", "Un segmento de la lista no está.", "A listed segment is not there."),
    "segment.unlisted": (8, "error", "Un video nativo no está en la lista.", "A native video is not listed."),
    "segment.camera": (8, "error", "Hay video de una cámara no pedida.", "There is video of another camera."),
    "video.malformed": (8, "error", "El MP4 está roto.", "The MP4 is broken."),
    "video.editlist": (
        8,
        "error",
        "El MP4 esconde cuadros (lista de edición).",
        "The MP4 hides frames (edit list).",
    ),
    "video.track": (8, "error", "El MP4 tiene otra pista.", "The MP4 has another track."),
    "video.box": (
        8,
        "error",
        "El MP4 tiene un bloque de nadie.",
        "The MP4 has a box that belongs to nobody.",
    ),
    "video.hidden": (
        8,
        "error",
        "El MP4 tiene bytes que no son de ningún cuadro.",
        "The MP4 has bytes in no packet.",
    ),
    "video.packets": (
        8,
        "error",
        "Los cuadros no son los que la cámara entregó.",
        "The packets are not those that the camera gave.",
    ),
    # --- 9 ---
    "gap.hidden": (
        9,
        "error",
        "Falta un rato que nadie declara.",
        "A stretch is missing that nobody declares.",
    ),
    "clock.mismatch": (
        9,
        "error",
        "El reloj de la cámara figura distinto.",
        "The camera's clock is told differently.",
    ),
    # --- 10 ---
    "custody.end": (
        10,
        "error",
        "La cadena de custodia no llega al armado.",
        "The custody ends before the making.",
    ),
    "custody.link": (10, "error", "Falta un eslabón de la custodia.", "A link of the custody is missing."),
    "custody.hash": (10, "error", "Un eslabón de la custodia cambió.", "A link of the custody was changed."),
    "custody.order": (10, "error", "La custodia va hacia atrás en el tiempo.", "The custody runs backwards."),
    "ledger.missing": (10, "error", "Falta la prueba del registro.", "The ledger's proof is missing."),
    "ledger.malformed": (
        10,
        "error",
        "La prueba del registro no se entiende.",
        "The ledger's proof means nothing.",
    ),
    "ledger.inclusion": (
        10,
        "error",
        "La custodia no está en el registro que el checkpoint firma.",
        "The custody is not in the ledger that the checkpoint signs.",
    ),
    "ledger.signature": (
        10,
        "error",
        "El checkpoint no es de esa clave.",
        "The checkpoint is not of that key.",
    ),
    "ledger.nokey": (
        10,
        "note",
        "Sin la clave del registro (--ledger-key) no se sabe quién firmó el checkpoint.",
        "Without the ledger's key (--ledger-key) nobody knows who signed the checkpoint.",
    ),
    "ledger.kept": (
        10,
        "error",
        "El checkpoint guardado es de otro registro o no está firmado.",
        "The kept checkpoint is another ledger's, or is not signed.",
    ),
    "ledger.rollback": (
        10,
        "error",
        "El checkpoint es más viejo que el que usted guardó antes.",
        "The checkpoint is older than the one that you kept before.",
    ),
    "ledger.split": (
        10,
        "error",
        "El registro muestra dos historias distintas.",
        "The ledger shows two different histories.",
    ),
    "ledger.nolink": (
        10,
        "unproven",
        "El paquete no trae la prueba hasta el checkpoint que usted guardó.",
        "The package holds no proof up to the checkpoint that you kept.",
    ),
    # --- 11 ---
    "act.missing": (11, "error", "Falta el acta.", "The act is missing."),
    "act.malformed": (11, "error", "El acta no se puede leer.", "The act cannot be read."),
    "act.digest": (11, "error", "El acta es de otro paquete.", "The act is of another package."),
    "act.unsigned": (11, "error", "El acta no está firmada.", "The act is not signed."),
    "act.changed": (
        11,
        "error",
        "El acta cambió después de firmada.",
        "The act was changed after it was signed.",
    ),
    "act.coverage": (
        11,
        "error",
        "El acta tiene algo agregado que ninguna firma cubre.",
        "The act has something added that no signature covers.",
    ),
}

SENTENCES.update({**COPY_SENTENCES, **CAMERA_SENTENCES})
SENTENCES.update(BOX_SENTENCES)
SENTENCES.update(PART_SENTENCES)
SENTENCES.update(RENEWAL_SENTENCES)
SENTENCES.update(DAILY_SENTENCES)
# The same questions are asked of the time authority's certificate.
SENTENCES.update(
    {
        "time." + code: (6, row[1], "Autoridad de tiempo: " + row[2], "Time authority: " + row[3])
        for code, row in list(SENTENCES.items())
        if row[0] == 5 and code.startswith(("cert.", "crl."))
    }
)
