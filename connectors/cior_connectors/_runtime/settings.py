"""Configuration: one file for the centre, one for each connector instance, one registry of devices.

Read once, in a factory.

Instance file (TOML)::

    kind = "traccar"
    name = "norte"
    [config]
    ...                      # the connector's own strict model

A table or list that several of them share is kept in a file beside them (``$ref``: ``_runtime.references``).
Every fault names file, line, code and cure (``cior_core.strict_toml``). A secret may be written as itself, as
``env:NAME`` or as ``file:/path``.
"""

from __future__ import annotations

import os
import tomllib
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from cior_connectors._runtime import references
from cior_connectors.contract import ConnectorConfig, Secret
from cior_core import strict_toml
from cior_core.cameras import NO_CAMERAS, Cameras
from cior_core.errors import ConfigInvalid
from cior_core.keyed import RetiredKey
from cior_core.registry import Registry

KEY_BYTES = 32


class CentreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all connectors of a centre share.

    ``team_public_key``: X25519 public key of the response team, 32 bytes as base64; connectors can seal to it and not
    open. ``repair_public_key``: the same of the second recipient of what nobody could read (empty: the team alone).
    ``keeper_public_key``: a second keeper, who opens what the team opens (empty: nobody). ``pseudonym_key``: the
    centre's HMAC key, at least 32 bytes as base64; ``retired`` those before it. ``spool_dir``/``state_dir``: durable
    folders, one subfolder an instance. ``drill``: everything received is an exercise. ``test_mode`` allows life-safety
    connectors below gold; never on in a real centre.
    """

    team_public_key: str
    pseudonym_key: Secret
    repair_public_key: str = ""
    keeper_public_key: str = ""
    retired: tuple[RetiredKey, ...] = ()
    broker: str = "kafka://127.0.0.1:9092?profile=kafka"
    spool_dir: str = "spool"
    state_dir: str = "state"
    registry: str = ""
    zone: str = "America/Argentina/Cordoba"
    drill: bool = False
    test_mode: bool = False
    accounting_every_s: float = 60.0

    def __post_init__(self) -> None:
        if len(_from_base64(self.team_public_key)) != KEY_BYTES:
            raise ValueError("team_public_key must be 32 bytes as base64")
        if self.repair_public_key and len(_from_base64(self.repair_public_key)) != KEY_BYTES:
            raise ValueError("repair_public_key must be 32 bytes as base64")
        if self.keeper_public_key and len(_from_base64(self.keeper_public_key)) != KEY_BYTES:
            raise ValueError("keeper_public_key must be 32 bytes as base64")

    @property
    def team_key(self) -> bytes:
        """The team's public key, 32 bytes."""
        return _from_base64(self.team_public_key)

    @property
    def repair_key(self) -> bytes | None:
        """The public key of whoever mends decoders, 32 bytes; None: the team alone opens what nobody could read."""
        return _from_base64(self.repair_public_key) or None

    @property
    def keeper_key(self) -> bytes | None:
        """The second keeper's public key, 32 bytes; None: if the team loses its key, what is sealed is gone."""
        return _from_base64(self.keeper_public_key) or None

    @property
    def hmac_key(self) -> bytes:
        """The centre's pseudonym key. Raises ``ConfigInvalid`` when it is too short to resist guessing."""
        key = _from_base64(self.pseudonym_key.reveal())
        if len(key) < KEY_BYTES:
            raise ConfigInvalid(
                "centre.pseudonym_key",
                "the pseudonym key must be at least 32 bytes as base64",
                cure="make one: openssl rand -base64 32",
            )
        return key


class InstanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One running connector: which kind, its name, its own ``config``, and what the runtime shall do around it.

    ``sealed``: everything from this channel is sealed. ``carries_sealed``: somebody sealed may report here, so what
    cannot be read is sealed too (None: yes where presses can come, and where the registry holds any sealed device).
    ``max_events_per_s``: limit for telemetry of one device; can touch nothing else. ``reconcile_every_s``: how often
    a replayable source is asked for its history. ``expect_every_s``: longest normal silence of the channel.
    """

    kind: str
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,40}$")]
    config: Any
    sealed: bool = False
    carries_sealed: bool | None = None
    drill: bool = False
    max_events_per_s: float | None = None
    reconcile_every_s: float | None = None
    reconcile_overlap_s: float = 600.0
    expect_every_s: float | None = None
    max_in_flight: int = 256
    max_payload_bytes: int = 800_000


def read_centre(path: Path) -> CentreSettings:
    """The centre's file. Raises ``ConfigInvalid``."""
    settings: CentreSettings = _parse(read_text(path), CentreSettings, file=str(path))
    return settings


def read_registry(path: Path, cameras: Cameras = NO_CAMERAS) -> Registry:
    """The devices of a file and the catalogue's cameras. Raises ``ConfigInvalid`` with file, line, code and cure."""
    return Registry.load(read_text(path), file=path.name, cameras=cameras)


def read_instance(text: str, model: type[ConnectorConfig], *, file: str) -> InstanceSettings:
    """An instance file with ``config`` as ``model``. Raises ``ConfigInvalid`` with file, line, code and cure."""
    fields: list[Any] = [
        (each.name, each.type, _default(each))
        for each in msgspec.structs.fields(InstanceSettings)
        if each.name != "config"
    ]
    fields = [field if field[2] is not msgspec.NODEFAULT else field[:2] for field in fields]
    shape = msgspec.defstruct(
        "InstanceFile", [*fields, ("config", model)], frozen=True, kw_only=True, forbid_unknown_fields=True
    )
    read = _parse(text, shape, file=file)
    return InstanceSettings(**{name: getattr(read, name) for name in InstanceSettings.__struct_fields__})


def read_config(text: str, model: type[ConnectorConfig], *, file: str) -> ConnectorConfig:
    """The ``[config]`` part alone, as a file of its own (examples). Raises ``ConfigInvalid``."""
    config: ConnectorConfig = _parse(text, model, file=file)
    return config


def kind_of(text: str, *, file: str) -> str:
    """The ``kind`` an instance file names. Raises ``ConfigInvalid``."""

    class Head(msgspec.Struct):
        kind: str

    return strict_toml.parse(text, Head, file=file).kind


def _parse(text: str, model: type[Any], *, file: str) -> Any:
    """First without secrets, for faults with a line; then with them.

    ``strict_toml`` has no hook for own types, hence the plain twin.
    """
    used: tuple[str, ...] = ()

    def expand(tree: dict[str, Any]) -> dict[str, Any]:
        nonlocal used
        found, used = references.expanded(tree, Path(file))
        return found

    try:
        plain = strict_toml.parse(text, _plain(model), file=file, expand=expand)
    except strict_toml.ConfigFault as fault:
        if not used:
            raise
        raise ConfigInvalid(
            fault.code, fault.sentence, cure=f"{fault.cure}; it may stand in {', '.join(used)} ($ref)"
        ) from fault
    assert plain is not None
    try:
        return msgspec.convert(expand(tomllib.loads(text)), model, dec_hook=_secret)
    except msgspec.ValidationError as error:
        # Only a rule about the secret itself can fail here: the file's text has passed, what it points to has not.
        raise ConfigInvalid(
            "config.secret_unfit",
            f"{file}: {error}",
            cure="give the secret that the key points to in the form asked for",
        ) from error


def _plain(model: type[Any]) -> Any:
    """The model with every ``Secret`` as text, and its own cross-field rules."""
    hints = get_type_hints(model, include_extras=True)
    if not any(_mentions(hint) for hint in hints.values()):
        return model
    fields = []
    for each in msgspec.structs.fields(model):
        default = _default(each)
        hint = _swapped(hints[each.name])
        fields.append(
            (each.encode_name, hint)
            if default is msgspec.NODEFAULT
            else (each.encode_name, hint, None if isinstance(default, Secret) else default)
        )

    def check(self: Any) -> None:
        values = {
            name: Secret(value) if isinstance(value, str) and _mentions(hints[name]) else value
            for name, value in msgspec.structs.asdict(self).items()
        }
        model(**values)

    return msgspec.defstruct(
        model.__name__,
        fields,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__post_init__": check},
    )


def _mentions(hint: Any) -> bool:
    return (
        hint is Secret
        or any(_mentions(part) for part in get_args(hint))
        or (
            isinstance(hint, type)
            and issubclass(hint, msgspec.Struct)
            and any(_mentions(each) for each in get_type_hints(hint, include_extras=True).values())
        )
    )


def _swapped(hint: Any) -> Any:
    if hint is Secret:
        return str
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _plain(hint)
    origin, parts = get_origin(hint), get_args(hint)
    if not parts or not _mentions(hint):
        return hint
    if origin is Annotated:
        return Annotated[(_swapped(parts[0]), *parts[1:])]
    if str(origin) in {"<class 'types.UnionType'>", "typing.Union"}:
        joined = _swapped(parts[0])
        for part in parts[1:]:
            joined = joined | _swapped(part)
        return joined
    return origin[tuple(_swapped(part) for part in parts)] if origin is not None else hint


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


def _secret(wanted: type[Any], value: Any) -> Any:
    if wanted is not Secret:
        raise NotImplementedError(wanted)
    return Secret(_resolved(str(value)))


def _resolved(text: str) -> str:
    """The secret behind ``env:NAME`` or ``file:/path``; anything else is the secret itself."""
    kind, _, rest = text.partition(":")
    if kind == "env":
        if (found := os.environ.get(rest)) is None:
            raise ConfigInvalid(
                "config.secret_missing",
                f"the environment has no {rest}",
                cure="set it, or write the secret as file:/path",
            )
        return found
    if kind == "file":
        return read_text(Path(rest)).strip()
    return text


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def read_text(path: Path) -> str:
    """A settings file as text. Raises ``ConfigInvalid`` (``config.unreadable``)."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            "config.unreadable",
            f"{path}: cannot be read ({type(error).__name__})",
            cure="check the path, the rights and UTF-8",
        ) from error
