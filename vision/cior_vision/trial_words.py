"""Why a rule told nothing, and what a clip cannot show, in Spanish and English. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from cior_vision.wording import Said, in_both


class Why(StrEnum):
    """What kept a rule from telling."""

    NO_MODEL = "no_model"
    NOT_ARMED = "not_armed"
    HIDDEN = "hidden"
    SHORT = "short"
    FEW_PICTURES = "few_pictures"
    NOBODY = "nobody"
    ELSEWHERE = "elsewhere"
    UNSURE = "unsure"
    SMALL = "small"
    UNMOVED = "unmoved"
    TINY = "tiny"
    OTHERWISE = "otherwise"
    UNSCHEDULED = "unscheduled"
    NO_RULES = "no_rules"
    CUT = "cut"
    GAPS = "gaps"


_SENTENCES: Final = {
    Why.NO_MODEL: Said(
        es="no se juzga: sin modelo no hay personas ni vehículos (detector «{engine}»); ponga un modelo en [detector]",
        en="not judged: without a model nothing is a person or a vehicle (engine '{engine}'); set one in [detector]",
    ),
    Why.NOT_ARMED: Said(
        es="fuera de su horario ({schedule}): el video va de {first} a {last}",
        en="outside of its schedule ({schedule}): the clip goes from {first} to {last}",
    ),
    Why.UNSCHEDULED: Said(
        es="se probó como si fuera su horario ({schedule}): no se sabe a qué hora se filmó; dígalo con --at",
        en="tried as if within its schedule ({schedule}): nobody said when the clip was filmed; say it with --at",
    ),
    Why.HIDDEN: Said(
        es="una máscara tapa el {percent} % de «{place}»: ahí no se ve nada",
        en="a mask covers {percent} % of '{place}': nothing is seen there",
    ),
    Why.SHORT: Said(
        es="el video dura {clip_s} s y la regla pide {needs_s} s",
        en="the clip lasts {clip_s} s and the rule asks for {needs_s} s",
    ),
    Why.FEW_PICTURES: Said(
        es="{fps} cuadros por segundo: con menos de 2 ninguna regla sirve",
        en="{fps} pictures a second: below 2 no rule means anything",
    ),
    Why.NOBODY: Said(es="no se vio nada de esto: {classes}", en="nothing of {classes} was seen"),
    Why.ELSEWHERE: Said(
        es="se siguió a {count} ({classes}); ninguno pisó «{place}»",
        en="{count} were followed ({classes}); none stepped on '{place}'",
    ),
    Why.UNSURE: Said(
        es="{count} pisaron «{place}» y ninguno llegó a min_score {wanted}: el mejor, {best}",
        en="{count} stepped on '{place}' and none reached min_score {wanted}: the best, {best}",
    ),
    Why.SMALL: Said(
        es="{count} pisaron «{place}» y ninguno llegó a min_height {wanted}: el mayor, {best}",
        en="{count} stepped on '{place}' and none reached min_height {wanted}: the tallest, {best}",
    ),
    Why.UNMOVED: Said(
        es="{count} estaban en «{place}» sin haberse movido min_moved {wanted} alturas: el que más, {best}",
        en="{count} were on '{place}' and had not moved min_moved {wanted} heights: the farthest, {best}",
    ),
    Why.TINY: Said(
        es="lo que pisa «{place}» mide {percent} % del alto; hace falta un {wanted} %: acerque la cámara o la imagen",
        en="what steps on '{place}' is {percent} % of the height; {wanted} % is needed: zoom in or move the camera",
    ),
    Why.OTHERWISE: Said(
        es="{count} pisaron «{place}», y no se cumplió lo demás que pide la regla",
        en="{count} stepped on '{place}', and the rest of what the rule asks was not met",
    ),
    Why.NO_RULES: Said(
        es="esta cámara no tiene reglas: solo se juzga si la imagen sirve",
        en="this camera has no rules: only its picture is judged",
    ),
    Why.CUT: Said(
        es="el archivo dice durar {says_s} s y hay imágenes de {has_s} s: está cortado o dañado",
        en="the file says it lasts {says_s} s and has pictures for {has_s} s: it is cut short or damaged",
    ),
    Why.GAPS: Said(
        es="faltan {gap_s} s de grabación ({causes})",
        en="{gap_s} s of the recording are missing ({causes})",
    ),
}


def why(code: Why, **facts: Any) -> Said:
    """The sentence of ``code``."""
    return in_both(_SENTENCES[code], facts)
