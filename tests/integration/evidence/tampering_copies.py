"""Tamperings of copies: offered as originals, cut off from what they were made of, veils that nobody answers for."""

from __future__ import annotations

from integration.evidence.copy_rig import about, of_copy, veils
from integration.evidence.package_rig import Draft, clip, line, lines, segment, sha
from integration.evidence.tampering_kit import of_draft

VIEW, REDACTED = "copia_de_vista", "copia_velada"


@of_copy(VIEW)
def control_of_a_view(whole: Draft) -> None:
    """Nothing is done to it."""


@of_copy(REDACTED)
def control_of_a_redacted(whole: Draft) -> None:
    """Nothing is done to it."""


@of_copy(REDACTED)
def redacted_called_a_delivery(whole: Draft) -> None:
    whole.request |= {"tipo": "entrega", "deriva_de": None}


@of_copy(REDACTED)
def redacted_listed_as_native(whole: Draft) -> None:
    """Every word of it says that it is the camera's own, but for the packets that the recorder noted."""
    whole.request |= {"tipo": "entrega", "deriva_de": None}
    whole.payload = {path.replace("vista", "nativo", 1): film for path, film in whole.payload.items()}
    films = list(whole.payload.values())
    whole.segments = [
        {**segment(row["camara"], int(row["archivo"][-8:-4]), (0, 1), film), **_times(row)}
        for row, film in zip(whole.segments, films, strict=True)
    ]
    whole.segments[0]["partes"][0]["origen"]["carga_sha256"] = sha(b"what the camera gave")


def _times(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("desde", "hasta")}


@of_copy(VIEW)
def original_slipped_into_a_copy(whole: Draft) -> None:
    """One file among those that were encoded again lies where originals lie."""
    row = whole.segments[0]
    whole.payload[row["archivo"].replace("vista", "nativo", 1)] = whole.payload.pop(row["archivo"])
    row |= {"archivo": row["archivo"].replace("vista", "nativo", 1), "clase": "nativo"}


@of_copy(VIEW)
def copy_of_nothing(whole: Draft) -> None:
    whole.request["deriva_de"] = None
    whole.raw_meta["copia.json"] = line(about(VIEW) | {"deriva_de": None})


@of_copy(VIEW)
def copy_of_two_packages(whole: Draft) -> None:
    whole.raw_meta["copia.json"] = line(about(VIEW, "e" * 64))


@of_copy(VIEW)
def copy_of_another_class(whole: Draft) -> None:
    whole.raw_meta["copia.json"] = line(about(REDACTED))


@of_copy(VIEW)
def copied_file_without_its_native(whole: Draft) -> None:
    del whole.segments[1]["nativo"]


@of_copy(VIEW)
def copied_file_of_another_camera(whole: Draft) -> None:
    whole.segments[0]["nativo"]["archivo"] = "data/nativo/cam-b/0001.mp4"


@of_copy(VIEW)
def pictures_left_out_of_a_copy(whole: Draft) -> None:
    row = whole.segments[0]
    film = clip(1, frames=8)
    made = segment(row["camara"], 1, (0, 1), film)
    row |= {name: made[name] for name in ("sha256", "bytes", "cuadros", "carga_sha256")}
    whole.payload[row["archivo"]] = film


@of_copy(VIEW)
def copied_video_unlisted(whole: Draft) -> None:
    whole.payload["data/vista/cam-a/0009.mp4"] = clip(9)


@of_copy(REDACTED)
def veils_left_out(whole: Draft) -> None:
    del whole.raw_meta["velos.jsonl"]


@of_copy(REDACTED)
def veils_with_a_hole(whole: Draft) -> None:
    rows = [row for row in veils(whole.segments) if row["motivo"] != "sin_deteccion"]
    whole.raw_meta["velos.jsonl"] = lines(rows)


@of_copy(REDACTED)
def veils_of_another_reason(whole: Draft) -> None:
    """What was veiled is told, and nobody says that the rest was looked at."""
    rows = [row | {"motivo": "persona", "pista": 1} for row in veils(whole.segments)]
    whole.raw_meta["velos.jsonl"] = lines(rows)


@of_copy(REDACTED)
def veils_without_numbers(whole: Draft) -> None:
    rows = veils(whole.segments)
    whole.raw_meta["velos.jsonl"] = lines([rows[0] | {"desde_cuadro": "0"}, *rows])


@of_draft
def view_listed_in_a_delivery(whole: Draft) -> None:
    whole.segments[0]["clase"] = "vista"


@of_draft
def view_unlisted_in_a_delivery(whole: Draft) -> None:
    whole.payload["data/vista/cam-a/0001.mp4"] = clip(9)
