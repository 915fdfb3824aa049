"""Default deny, exhaustively: every role x purpose x class, with and without authority."""

from __future__ import annotations

import itertools
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cior_core.errors import ConfigInvalid
from cior_core.model import DataClass
from cior_core.privacy import Asking, LegalBasis, Policy, Purpose, Role, decide, may_expire

TEXT = resources.files("cior_core").joinpath("data/privacy.toml").read_text(encoding="utf-8")
POLICY = Policy.load(TEXT)
EVERYTHING = list(itertools.product(Role, Purpose))


@pytest.mark.parametrize(("role", "purpose"), EVERYTHING)
def test_law_9_sealed_data_open_only_for_the_team_or_a_court(role: Role, purpose: Purpose) -> None:
    strongest = Asking(
        role=role,
        purpose=purpose,
        data_class=DataClass.SEALED,
        legal_basis=LegalBasis.COURT_ORDER,
        approvers=9,
        reason="causa 1/26",
    )
    allowed = decide(strongest, POLICY).outcome != "deny"
    expected = (role is Role.RESPONSE_TEAM and purpose in (Purpose.DISPATCH, Purpose.VICTIM_SUPPORT)) or (
        role is Role.PROSECUTOR and purpose is Purpose.JUDICIAL_REQUEST
    )
    assert allowed is expected


@pytest.mark.parametrize(("role", "purpose"), EVERYTHING)
def test_law_9_with_no_row_everything_is_refused(role: Role, purpose: Purpose) -> None:
    empty = Policy(version=1, rule=(), retention=())
    for data_class in DataClass:
        decision = decide(
            Asking(role=role, purpose=purpose, data_class=data_class, approvers=9, reason="x"), empty
        )
        assert (decision.outcome, decision.code) == ("deny", "deny.default")


def test_every_redaction_hides_who_and_what_was_said() -> None:
    for role, purpose in EVERYTHING:
        decision = decide(
            Asking(
                role=role,
                purpose=purpose,
                data_class=DataClass.RESTRICTED,
                reason="r",
                approvers=2,
                legal_basis=LegalBasis.COURT_ORDER,
            ),
            POLICY,
        )
        if decision.outcome == "redact":
            assert {"summary", "notes"} <= decision.fields
        if role is Role.WALL and purpose is Purpose.LIVE_OPERATION:
            assert {"subject", "raw", "attributes"} <= decision.fields


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"legal_basis": LegalBasis.NONE}, "deny.legal_basis"),
        ({"approvers": 0}, "deny.approvers"),
        ({}, "allow.court-restricted"),
    ],
)
def test_a_prosecutor_needs_an_order_and_a_second_person(change: dict[str, object], code: str) -> None:
    asking = {
        "role": Role.PROSECUTOR,
        "purpose": Purpose.JUDICIAL_REQUEST,
        "data_class": DataClass.RESTRICTED,
        "legal_basis": LegalBasis.PROSECUTOR_ORDER,
        "approvers": 1,
    } | change
    assert decide(Asking(**asking), POLICY).code == code  # type: ignore[arg-type]  # any field, by name


@pytest.mark.parametrize(("approvers", "code"), [(1, "deny.approvers"), (2, "allow.court-sealed")])
def test_a_court_order_opens_sealed_data_with_two_approvers_and_not_with_one(
    approvers: int, code: str
) -> None:
    asking = Asking(
        role=Role.PROSECUTOR,
        purpose=Purpose.JUDICIAL_REQUEST,
        data_class=DataClass.SEALED,
        legal_basis=LegalBasis.COURT_ORDER,
        approvers=approvers,
    )
    assert decide(asking, POLICY).code == code


@pytest.mark.parametrize("reason", ["", "   ", "\n\t"])
def test_blanks_are_no_reason(reason: str) -> None:
    asking = Asking(
        role=Role.RESPONSE_TEAM, purpose=Purpose.DISPATCH, data_class=DataClass.SEALED, reason=reason
    )
    assert decide(asking, POLICY).code == "deny.reason_missing"


def test_an_old_record_is_closed_to_the_operator_and_nan_is_not_young() -> None:
    asking = Asking(
        role=Role.OPERATOR, purpose=Purpose.DISPATCH, data_class=DataClass.RESTRICTED, age_s=31 * 86_400
    )
    assert decide(asking, POLICY).code == "deny.too_old"
    nan = Asking(
        role=Role.OPERATOR, purpose=Purpose.DISPATCH, data_class=DataClass.RESTRICTED, age_s=float("nan")
    )
    assert decide(nan, POLICY).outcome == "deny"


@given(
    st.builds(
        Asking,
        role=st.sampled_from(Role),
        purpose=st.sampled_from(Purpose),
        data_class=st.sampled_from(DataClass),
        legal_basis=st.sampled_from(LegalBasis),
        approvers=st.integers(0, 3),
        age_s=st.floats(),
        reason=st.text(max_size=5),
    )
)
def test_more_authority_never_shows_less(asking: Asking) -> None:
    order = {"deny": 0, "redact": 1, "allow": 2}
    more = Asking(
        role=asking.role,
        purpose=asking.purpose,
        data_class=asking.data_class,
        legal_basis=LegalBasis.COURT_ORDER,
        approvers=3,
        age_s=asking.age_s,
        reason="why",
    )
    assert order[decide(more, POLICY).outcome] >= order[decide(asking, POLICY).outcome]


def test_a_table_that_opens_sealed_data_does_not_load() -> None:
    planted = TEXT.replace(
        'id = "operation-restricted"\nclasses = ["restricted"]',
        'id = "operation-restricted"\nclasses = ["restricted", "sealed"]',
    )
    assert planted != TEXT
    with pytest.raises(ConfigInvalid, match=r"privacy\.sealed_too_open"):
        Policy.load(planted)


def test_a_table_that_opens_sealed_data_to_one_approver_does_not_load() -> None:
    planted = TEXT.replace("approvers = 2", "approvers = 1")
    assert planted != TEXT
    with pytest.raises(ConfigInvalid, match=r"privacy\.sealed_too_open"):
        Policy.load(planted)


def test_a_misspelt_key_names_its_line() -> None:
    with pytest.raises(ConfigInvalid, match=r"privacy\.toml:\d+: unknown key 'rolez'"):
        Policy.load(TEXT.replace("roles =", "rolez =", 1))


@pytest.mark.parametrize(
    ("held", "age_days", "expected"),
    [
        (None, 9999, "keep.hold_unknown"),
        (True, 9999, "keep.held"),
        (False, 1, "keep.young"),
        (False, 61, "expire.retention"),
    ],
)
def test_law_7_a_hold_outranks_retention_and_silence_keeps(
    held: bool | None, age_days: int, expected: str
) -> None:
    assert (
        may_expire(
            kind="raw", data_class=DataClass.RESTRICTED, age_s=age_days * 86_400, held=held, policy=POLICY
        )[1]
        == expected
    )


def test_what_no_row_names_is_kept() -> None:
    assert may_expire(
        kind="unheard-of", data_class=DataClass.PUBLIC, age_s=1e12, held=False, policy=POLICY
    ) == (False, "keep.no_rule")
