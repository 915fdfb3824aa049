"""What the sign-in endpoints take and give (ADR 0035), as structs: OpenAPI is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from cior_core.people import Scope
from cior_core.privacy import Role

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
Ticket = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Code = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$")]
Label = Annotated[str, msgspec.Meta(max_length=60)]


State = Literal["signed_in", "second_factor", "new_password", "enrol"]


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body: an unknown member is a mistake."""


class PasswordBody(_Body, frozen=True, kw_only=True):
    """``role``: the one to begin with, of several that the person may take."""

    login: Text
    password: Secret
    role: Role | None = None


class TicketBody(_Body, frozen=True, kw_only=True):
    """What is half done."""

    ticket: Ticket


class CodeBody(_Body, frozen=True, kw_only=True):
    """A code of six digits for what is half done."""

    ticket: Ticket
    code: Code


class RecoveryBody(_Body, frozen=True, kw_only=True):
    """One of the codes that were made for the day a telephone is lost, as it was written down."""

    ticket: Ticket
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class LogoutBody(msgspec.Struct, frozen=True, kw_only=True):
    """OpenID Connect Back-Channel Logout 1.0 §2.5; what else the form holds is let be."""

    logout_token: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]


class NewPasswordBody(_Body, frozen=True, kw_only=True):
    """A password of one's own instead of the one that was made for the first sign-in."""

    ticket: Ticket
    password: Secret


class ChangePasswordBody(_Body, frozen=True, kw_only=True):
    """``old``: asked again, however fresh the session is."""

    old: Secret
    password: Secret


class PasskeyAskBody(_Body, frozen=True, kw_only=True):
    """``ticket`` empty: the passkey says who it is, no name is typed."""

    ticket: Annotated[str, msgspec.Meta(max_length=64)] = ""


class PasskeyBody(_Body, frozen=True, kw_only=True):
    """What ``navigator.credentials`` gave, by its ``toJSON()``. ``label``: what its owner calls a new one."""

    ticket: Ticket
    answer: dict[str, Any]
    label: Label = ""
    role: Role | None = None


class ReauthenticateBody(_Body, frozen=True, kw_only=True):
    """One of them; a passkey's answer goes to ``reauthenticate/passkey``."""

    password: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    code: Annotated[str, msgspec.Meta(max_length=6)] = ""


class RoleBody(_Body, frozen=True, kw_only=True):
    """Another of one's roles."""

    role: Role


class DisplayBody(_Body, frozen=True, kw_only=True):
    """``name``: where the wall hangs."""

    name: Text
    districts: tuple[Text, ...] = ()


class EnrolBody(_Body, frozen=True, kw_only=True):
    """The code that somebody with a name was given for this wall."""

    code: Text


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """The session of this browser. ``roles``: all that its person may take; ``fresh_until_ms``: until then sealed data
    and exports need no confirmation; ``second_factors``: what its person has; ``now_ms``: this console's clock.
    """

    id: str
    person_id: str
    login: str
    name: str
    language: str
    role: Role
    roles: tuple[Role, ...]
    scope: Scope
    kind: str
    factors: tuple[str, ...]
    created_ms: int
    expires_ms: int
    fresh_until_ms: int
    now_ms: int


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a sign-in has come.

    * ``signed_in``: ``session`` says whose.
    * ``second_factor``: one of ``methods`` (``totp``, ``passkey``, ``recovery``) is wanted.
    * ``new_password``: the one that was shown was made for the first sign-in.
    * ``enrol``: this role needs a second factor, and the person has none: one of ``methods`` is to be made now.
    """

    state: State
    methods: tuple[str, ...] = ()
    ticket: str = ""
    session: SessionView | None = None


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone's new secret, to be confirmed with its first code. ``address``: the same as ``otpauth:`` link."""

    ticket: str
    secret: str
    address: str


class RecoveryCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Shown once: only digests are kept. Each stands once for the second factor."""

    codes: tuple[str, ...]


class PasskeyAsk(msgspec.Struct, frozen=True, kw_only=True):
    """``options``: for ``PublicKeyCredential.parse…OptionsFromJSON``."""

    ticket: str
    options: dict[str, Any]


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of somebody's sessions."""

    id: str
    label: str
    role: Role
    kind: str
    created_ms: int
    expires_ms: int
    is_this: bool


class FactorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One second factor: ``totp``, or a passkey with its name and the start of its id. ``recovery``: ``label`` says how
    many codes are left.
    """

    id: str
    method: Literal["totp", "passkey", "recovery"]
    label: str
    added_ms: int


class DisplayCode(msgspec.Struct, frozen=True, kw_only=True):
    """To be typed once at the wall, until ``until_ms``."""

    code: str
    until_ms: int


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How people may sign in here. ``refusal``: why nobody may, as the code of a problem; ``openid``: what the button
    of the city's own sign-in says, empty for none.
    """

    password: bool
    passkey: bool
    openid: str
    refusal: str
    centre: str


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go now: empty for nowhere."""

    address: str
