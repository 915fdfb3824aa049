"""Tamperings of what a package says, sealed again: clocks, gaps, persons, dates, JSON; and of its act."""

from __future__ import annotations

import io
from pathlib import Path

from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from integration.evidence.authorities import (
    pki,
)
from integration.evidence.package_rig import (
    Draft,
    act,
    at,
    clip,
    draft,
    put,
    sha,
    written,
)
from integration.evidence.tampering_kit import (
    TAGS,
    Made,
    Outside,
    edit,
    of_all,
    of_disk,
    of_draft,
)


@of_draft
def oxum_wrong(whole: Draft) -> None:
    rows = whole.bag()["bag-info.txt"].decode().splitlines()
    whole.info_lines = [*rows[:-1], "Payload-Oxum: 1.1"]


@of_draft
def token_before_last_segment(whole: Draft) -> None:
    whole.segments[-1]["hasta"] = at(6 * 3_600)
    whole.segments[-1]["partes"][-1]["hasta"] = at(6 * 3_600)


@of_draft
def event_after_token(whole: Draft) -> None:
    path = "data/eventos/indice.jsonl"
    whole.payload[path] = whole.payload[path].replace(
        f'"recibido":"{at(6)}"'.encode(), f'"recibido":"{at(20_000)}"'.encode()
    )


@of_draft
def clock_in_one_file(whole: Draft) -> None:
    whole.clocks = [{"archivo": row["archivo"], **row["reloj"]} for row in whole.segments]
    whole.clocks[1]["corrimiento_ms"] = -4_000


@of_draft
def gap_removed(whole: Draft) -> None:
    whole.gaps[0]["huecos"] = []


@of_draft
def end_cut(whole: Draft) -> None:
    gone = whole.segments.pop(1)
    del whole.payload[gone["archivo"]]


@of_draft
def list_reordered(whole: Draft) -> None:
    whole.segments = [whole.segments[1], whole.segments[0], whole.segments[2]]


@of_draft
def digest_not_of_list(whole: Draft) -> None:
    whole.segments[0]["sha256"] = "a" * 64


@of_draft
def segment_not_listed(whole: Draft) -> None:
    whole.payload["data/nativo/cam-a/0009.mp4"] = clip(9)


@of_draft
def one_person(whole: Draft) -> None:
    whole.request["aprobada_por"] = whole.request["armada_por"]


@of_draft
def other_case(whole: Draft) -> None:
    whole.request["cuij"] = "21-00000001-1"


@of_draft
def junk_json(whole: Draft) -> None:
    whole.raw_meta["reloj.json"] = b'{"archivos": ['


@of_disk
def act_pages_added(top: Path) -> None:
    """A page more, as an incremental update after the signature."""
    update = IncrementalPdfFileWriter(io.BytesIO((top / "sello/acta.pdf").read_bytes()))
    blank = update.add_object(generic.StreamObject(stream_data=b"q Q"))
    update.insert_page(
        writer.PageObject(
            contents=blank, media_box=generic.ArrayObject(map(generic.NumberObject, (0, 0, 9, 9)))
        )
    )
    made = io.BytesIO()
    update.write(made)
    put(top / "sello/acta.pdf", made.getvalue())


@of_disk
def act_changed(top: Path) -> None:
    edit(top / "sello/acta.pdf", b"/MediaBox", b"/MediaBix")


@of_draft
def act_of_another(whole: Draft) -> None:
    whole.act_digest = b"a" * 64 + b"  bagit.txt\n"


@of_disk
def act_removed(top: Path) -> None:
    (top / "sello/acta.pdf").unlink()


@of_disk
def act_unsigned(top: Path) -> None:
    content = act((top / TAGS).read_bytes(), pki())
    put(top / "sello/acta.pdf", content[: content.index(b"%%EOF") + 6])


@of_draft
def duplicate_json_key(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'{"alcance"', b'{"reservado":7,"alcance"')


@of_draft
def json_nan(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'"reservado":0', b'"reservado":NaN')


@of_draft
def json_endless_number(whole: Draft) -> None:
    content = whole.meta()["solicitud.json"]
    whole.raw_meta["solicitud.json"] = content.replace(b'"reservado":0', b'"reservado":' + b"9" * 5_000)


@of_draft
def json_bottomless(whole: Draft) -> None:
    whole.raw_meta["solicitud.json"] = b"[" * 200_000 + b"]" * 200_000


@of_all
def sent_twice(folder: Path) -> Made:
    """The second answer to one order is another package: the receipt in hand names the first."""
    first = written(folder / "primera")
    whole = draft()
    whole.request["creado"] = at(111)
    return whole.write(folder / "segunda"), Outside(digest=sha((first / TAGS).read_bytes()))


@of_draft
def index_digest(whole: Draft) -> None:
    path = "data/crudo/indice.jsonl"
    whole.payload[path] = whole.payload[path].replace(
        sha(whole.payload["data/crudo/000001.bin"]).encode(), b"a" * 64
    )


@of_draft
def negative_with_video(whole: Draft) -> None:
    whole.request["tipo"] = "constancia_negativa"
