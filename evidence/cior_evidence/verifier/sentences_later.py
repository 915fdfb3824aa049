"""What a verifier says of copies, cameras' signatures, sealed boxes, renewals and a day's root; the form is that of
``sentences.py``.
"""

from __future__ import annotations

COPY_SENTENCES = {
    "copy.derived": (
        7,
        "note",
        "Es una copia hecha a partir de otro paquete, recodificada: el original es aquel.",
        "This is a copy made out of another package, encoded again: the original is that one.",
    ),
    "copy.nolink": (
        7,
        "error",
        "La copia no nombra, o nombra de dos maneras, el paquete o el archivo del que salió.",
        "The copy does not name what it was made of, or names it in two ways.",
    ),
    "copy.frames": (
        8,
        "error",
        "La copia tiene otra cantidad de cuadros que su original, y no lo dice.",
        "The copy has another number of pictures than its original, and does not say so.",
    ),
    "copy.unveiled": (
        8,
        "error",
        "La tabla de velos no responde por cada cuadro.",
        "The table of veils does not answer for every picture.",
    ),
}

CAMERA_SENTENCES = {
    "camera.scheme": (
        8,
        "error",
        "Las firmas de la cámara que dice la lista no son las que el video lleva.",
        "The camera's signatures that the list tells of are not those in the video.",
    ),
    "camera.untold": (
        8,
        "note",
        "El video lleva firmas de la cámara y el paquete no dice nada de ellas: júzguelas con su validador.",
        "The video carries its camera's signatures and the package says nothing of them: judge them yourself.",
    ),
    "camera.notauthentic": (
        8,
        "note",
        "Un validador externo dijo que el video no es lo que la cámara firmó: repítalo con el suyo.",
        "An outside validator said that the video is not what the camera signed: repeat that with yours.",
    ),
    "camera.unproven": (
        8,
        "note",
        "La cámara firma, y al armar el paquete nadie respondió por todo lo firmado: júzguelo con su validador.",
        "The camera signs, and nobody vouched for all of it when the package was built: judge it yourself.",
    ),
}

BOX_SENTENCES = {
    "box.digest": (
        7,
        "error",
        "Un sobre no es el que se recibió, falta, o figura dos veces.",
        "A sealed box is not the one that was received, is missing, or is listed twice.",
    ),
    "box.unlisted": (
        7,
        "error",
        "Hay un sobre que ningún renglón nombra.",
        "There is a sealed box that no row names.",
    ),
    "box.key": (
        7,
        "error",
        "El sobre no se abre con la clave que figura para él.",
        "The sealed box does not open with the key that stands for it.",
    ),
    "box.content": (
        7,
        "error",
        "Lo entregado no es lo que estaba en el sobre.",
        "What is delivered is not what was in the sealed box.",
    ),
    "box.opening": (
        7,
        "error",
        "De un sobre abierto no se dice quién lo abrió, cuándo, por qué o quién lo devolvió.",
        "Of an opened box it is not said who opened it, when, why, or who handed it back.",
    ),
    "box.closed": (
        9,
        "note",
        "Un registro va en su sobre cerrado: nadie lo abrió para este pedido.",
        "A record is in its closed box: nobody opened it for this request.",
    ),
    "raw.hidden": (
        9,
        "error",
        "Un suceso se leyó de un registro que no está, ni figura entre lo que falta.",
        "An event was read from a record that is not there, and is not named among what is missing.",
    ),
    "raw.other": (
        9,
        "error",
        "Un suceso se leyó de otros bytes que los que el paquete da como su registro.",
        "An event was read from other bytes than those that the package gives as its record.",
    ),
}

PART_SENTENCES = {
    "part.missing": (
        1,
        "error",
        "Falta una parte del paquete: pídala, o descomprímala junto con las demás.",
        "A part of the package is missing: ask for it, or unpack it together with the others.",
    ),
    "part.foreign": (
        1,
        "error",
        "Este ZIP es de otro paquete.",
        "This ZIP is of another package.",
    ),
    "part.twice": (
        1,
        "error",
        "Dos ZIP traen el mismo archivo: una parte está dos veces, o en lugar de otra.",
        "Two ZIPs bring one file: a part is there twice, or in the place of another.",
    ),
    "part.mixed": (
        1,
        "error",
        "Este ZIP no es ninguna de las partes que el paquete enumera: trae archivos de más o de menos.",
        "This ZIP is none of the parts that the package lists: it brings files too many or too few.",
    ),
    "part.list": (
        1,
        "error",
        "La lista de partes falta, o no reparte cada archivo del paquete una sola vez.",
        "The list of parts is missing, or does not hand out each file of the package once.",
    ),
}

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

DAILY_SENTENCES = {
    "inclusion.malformed": (
        10,
        "error",
        "La prueba de inclusión no se puede leer.",
        "The proof of inclusion cannot be read.",
    ),
    "inclusion.page": (
        10,
        "error",
        "La raíz publicada no son tres líneas: nombre con el día, cantidad y raíz.",
        "The published root is not three lines: name with its day, number and root.",
    ),
    "inclusion.day": (
        10,
        "error",
        "La raíz publicada es de otro día.",
        "The published root is of another day.",
    ),
    "inclusion.root": (
        10,
        "error",
        "Ese registro no está bajo la raíz publicada.",
        "That record is not under the published root.",
    ),
    "inclusion.signature": (
        10,
        "error",
        "La raíz publicada no está firmada con esa clave.",
        "The published root is not signed with that key.",
    ),
    "inclusion.unsigned": (
        10,
        "note",
        "No se comprobó firma de la raíz: vale lo que valga el medio en que se publicó.",
        "No signature of the root was checked: it is worth what the medium is worth that published it.",
    ),
}
