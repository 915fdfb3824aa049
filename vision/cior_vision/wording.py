"""What an incident says to whoever reads the alert, in Spanish and English: counts, direction, times and speeds as the
rule measured them. Pure. Speeds are of the picture: pixels and body heights, never metres.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cior_core.model import Struct
from cior_vision.incidents import Incident


class Said(Struct, frozen=True):
    """One sentence in both languages, without a full stop."""

    es: str
    en: str


_SENTENCES: Final = {
    "line_crossing": Said(es="de {from_side} a {to_side}", en="from {from_side} to {to_side}"),
    "crowd": Said(
        es="{people} personas (aviso desde {people_wanted}), densidad {density_per_height2} por altura²",
        en="{people} people (told from {people_wanted}), density {density_per_height2} per height²",
    ),
    "queue": Said(
        es="{people} personas esperan (aviso desde {people_wanted}), la que más, {longest_wait_s} s",
        en="{people} people wait (told from {people_wanted}), the longest {longest_wait_s} s",
    ),
    "stopped_vehicle": Said(
        es="{label} detenido hace {stood_s} s; se admiten {allowed_s} s",
        en="{label} standing for {stood_s} s; {allowed_s} s are allowed",
    ),
    "wrong_way": Said(
        es="{label} a {angle_deg}° del sentido de circulación, {against_heights} alturas recorridas",
        en="{label} at {angle_deg}° to the way of traffic, over {against_heights} heights",
    ),
    "person_down": Said(
        es="experimental, confirme mirando: en el suelo hace {down_s} s, cayó en {fell_in_s} s",
        en="experimental, look and confirm: down for {down_s} s, fell within {fell_in_s} s",
    ),
    "abandoned_object": Said(
        es="experimental, confirme mirando: {label} sin nadie cerca hace {alone_s} s",
        en="experimental, look and confirm: {label} with nobody near for {alone_s} s",
    ),
    "dispersal": Said(
        es="experimental, confirme mirando: {people} de {people_in_zone} personas corren, {speed_heights_s} alturas/s",
        en="experimental, look and confirm: {people} of {people_in_zone} people run, {speed_heights_s} heights/s",
    ),
}
_SPEED: Final = Said(es=", {speed_px_s} px/s en la imagen", en=", {speed_px_s} px/s in the picture")
_WORDS_ES: Final = {
    "car": "auto",
    "motorcycle": "moto",
    "bus": "colectivo",
    "truck": "camión",
    "van": "utilitario",
    "bicycle": "bicicleta",
    "backpack": "mochila",
    "handbag": "bolso",
    "suitcase": "valija",
    "person": "persona",
}


def said_labels(labels: Iterable[str]) -> Said:
    """Classes of a model as people call them, in Spanish where a word is known; ``*``: all of them."""
    names = list(labels)
    return Said(es=", ".join(_WORDS_ES.get(name, name) for name in names) or "*", en=", ".join(names) or "*")


def in_both(sentence: Said, facts: dict[str, Any]) -> Said:
    """The sentence with its facts; one that is a :class:`Said` itself in its own language."""
    spanish = {name: fact.es if isinstance(fact, Said) else fact for name, fact in facts.items()}
    english = {name: fact.en if isinstance(fact, Said) else fact for name, fact in facts.items()}
    return Said(es=sentence.es.format_map(spanish), en=sentence.en.format_map(english))


def says(incident: Incident) -> Said | None:
    """The sentence of this step; ``None`` for kinds that say no more than their name and place."""
    sentence = _SENTENCES.get(incident.kind)
    if sentence is None:
        return None
    more = _SPEED if "speed_px_s" in incident.facts else Said(es="", en="")
    whole = Said(es=sentence.es + more.es, en=sentence.en + more.en)
    return in_both(whole, {**incident.facts, "label": said_labels([incident.label])})
