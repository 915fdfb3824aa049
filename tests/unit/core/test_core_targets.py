"""Targets of commands: one text form, read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.errors import PayloadRejected
from cior_core.model import Target, TargetKind


@given(kind=st.sampled_from(TargetKind), name=st.text("aé:- 1", min_size=1).filter(str.strip))
def test_a_target_is_read_as_it_was_written(kind: TargetKind, name: str) -> None:
    target = Target(kind=kind, id=name)
    assert Target.parse(str(target)) == target


def test_a_colon_inside_the_id_belongs_to_the_id() -> None:
    assert Target.parse("device:cad:911") == Target(kind=TargetKind.DEVICE, id="cad:911")


@pytest.mark.parametrize(
    "text", ["", "team", "team:", "team:  ", ":police", "Team:police", "alert:a-1", " team:x"]
)
def test_what_names_nobody_is_refused_with_a_cure(text: str) -> None:
    with pytest.raises(PayloadRejected) as caught:
        Target.parse(text)
    assert caught.value.code == "command.target_unreadable"
    assert "device, unit, team, camera, block" in caught.value.cure
