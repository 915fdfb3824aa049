"""An order is refused for what a court would hold against it, with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cior_core.errors import PayloadRejected
from cior_core.rfc3339 import to_rfc3339
from cior_evidence.order import Kind, Order, read_order
from cior_evidence.paths import folder_name, is_sound
from doubles.packages import START_MS, order, read

SCOPE = order()["alcance"][0]
WHO = order()["pedida_por"]


def refused(**changes: Any) -> str:
    with pytest.raises(PayloadRejected) as refusal:
        read(**changes)
    assert refusal.value.sentence
    return refusal.value.code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aprobada_por": WHO}, "order.one_person"),
        ({"armada_por": order()["aprobada_por"]}, "order.one_person"),
        ({"alcance": [{**SCOPE, "desde": "2026-11-23T00:00:00"}]}, "event.time_offset"),
        ({"alcance": [{**SCOPE, "desde": "2026-02-31T00:00:00Z"}]}, "event.time_format"),
        ({"alcance": [{**SCOPE, "hasta": SCOPE["desde"]}]}, "order.interval"),
        ({"alcance": [{**SCOPE, "desde": "2023-11-23T00:00:00Z"}]}, "order.interval"),
        ({"alcance": [SCOPE, SCOPE]}, "order.overlap"),
        ({"alcance": [], "eventos": None}, "order.empty"),
        ({"zona_horaria": "America/Nowhere"}, "order.time_zone"),
        ({"zona_horaria": "../../etc/passwd"}, "order.time_zone"),
        ({"paquete": "../x"}, "order.package"),
        ({"cuij": "21\nPayload-Oxum: 0.0"}, "order.case"),
        ({"deriva_de": "abc"}, "order.derived"),
        ({"otra_cosa": 1}, "order.format"),
        ({"solicitud": {**order()["solicitud"], "clase": "press"}}, "order.format"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(changes: dict[str, Any], code: str) -> None:
    assert refused(**changes) == code


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(PayloadRejected, match=r"order\.format"):
        read_order(b"\xff{")


def test_the_two_hours_of_a_change_of_clocks_are_told_apart() -> None:
    """The offset decides: the same wall time twice is two instants, an hour apart."""
    first, second = (
        read(alcance=[{**SCOPE, "desde": f"2026-11-01T01:30:00{offset}", "hasta": "2026-11-02T00:00:00Z"}])
        for offset in ("-04:00", "-05:00")
    )
    assert second.scope[0].span[0] - first.scope[0].span[0] == 3_600_000


def negative(**changes: Any) -> dict[str, Any]:
    return {
        "camara": SCOPE["camara"], "desde": SCOPE["desde"], "hasta": SCOPE["hasta"], "codigo": "camara_caida",
        "explicacion": "sin señal desde el día anterior", **changes,
    }  # fmt: skip


def test_all_refused_is_a_negative_certificate_and_some_is_a_delivery() -> None:
    other = {**SCOPE, "camara": "cam-8"}
    some: Order = read(alcance=[SCOPE, other], eventos=None, negativas=[negative()])
    assert some.kind is Kind.DELIVERY
    assert [each.camera for each in some.ordered_scope] == [SCOPE["camara"], "cam-8"]
    assert some.refused == {(SCOPE["camara"], some.scope[0].span)}
    none = read(eventos=None, negativas=[negative()])
    assert none.kind is Kind.NEGATIVE
    assert {(each.camera, each.span) for each in none.scope} == none.refused


def test_a_camera_is_named_by_its_folder_as_in_every_list_and_by_its_own_name() -> None:
    odd = {**SCOPE, "camara": "Cám 7/Oroño"}
    stated = read(alcance=[odd, SCOPE], eventos=None, negativas=[negative(camara=odd["camara"])]).meta(
        created_ms=START_MS, reserved=0
    )
    names = [(each["camara"], each["camara_original"]) for each in stated["alcance"]]
    assert names == [("c-m-7-oro-o", "Cám 7/Oroño"), (SCOPE["camara"], SCOPE["camara"])]
    assert stated["negativas"][0]["camara"] == "c-m-7-oro-o"


def test_the_same_instant_written_otherwise_is_stated_in_utc() -> None:
    local = read(alcance=[{**SCOPE, "desde": "2026-11-22T21:00:01.500-03:00"}])
    assert local.meta(created_ms=START_MS, reserved=0)["alcance"][0]["desde"] == to_rfc3339(START_MS + 1500)


def test_a_good_order_survives_its_own_json() -> None:
    assert read_order(json.dumps(order()).encode()) == read()


@pytest.mark.parametrize(
    "path",
    [
        "con",
        "data/nul.txt",
        "a/../b",
        "/a",
        "a//b",
        "A",
        "á",
        "a.",
        "a b",
        ".oculto",
        "a/" + "b" * 180,
        "com1.mp4",
        "",
    ],
)
def test_paths_that_mean_something_else_somewhere_are_no_paths(path: str) -> None:
    assert not is_sound(path)


@pytest.mark.parametrize("name", ["Cám 7/Oroño", "../..", "CON", "nul.mp4", "…", "a" * 300, "x."])
def test_any_name_of_a_camera_makes_a_folder(name: str) -> None:
    assert is_sound(f"data/nativo/{folder_name(name)}/0001.mp4")
