"""Makes a secured broker fit for a centre: users, topics, changelogs, access lists. Doing it again changes nothing
but passwords that were changed in their files.

Only the administrator's certificate may do it. What a user of ours holds beyond its row of :mod:`cior_bus.rights` is
taken away, and a family of connectors that is no longer there loses its name and all; other people's users and topics
are left alone.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs forget what it re-exports
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from cior_bus.admin import Topics
from cior_bus.credentials import read_password
from cior_bus.refusals import refusal_of
from cior_bus.rights import Part, User, access_list
from cior_bus.self_test import try_rights
from cior_bus.settings import BusSettings
from cior_bus.topics import CATALOGUE
from cior_core.errors import CiorError, SourceUnavailable
from cior_core.model import Struct

_TIMEOUT_S: Final = 30.0
_ITERATIONS: Final = 8_192
"""Twice what Kafka takes at least; a password of 24 random bytes needs none of it."""


class Provisioned(Struct, frozen=True, kw_only=True):
    """What one run did."""

    users: int
    topics: tuple[str, ...]
    granted: int
    withdrawn: int


def provision(
    settings: BusSettings, users: Iterable[User], passwords: Path, *, partitions: int | None = None
) -> Provisioned:
    """``settings``: the administrator's. ``passwords``: the folder with a file a user.

    Raises ``ConfigInvalid`` (a password is missing), ``CredentialsRefused``, ``SourceUnavailable``.
    """
    users = tuple(users)
    secrets = {user.name: read_password(user.name, passwords) for user in users}
    try_rights(settings, None)
    kept = [spec for user in users for spec in user.rights.changelogs()]
    created = Topics(settings, timeout_s=_TIMEOUT_S).ensure((*CATALOGUE, *kept), partitions=partitions)
    client = AdminClient(settings.client())
    granted, withdrawn = _lists(client, users)
    _names(client, secrets)  # last: who can come in finds everything
    _wait_until_known(client, secrets, granted=granted, users=users)
    return Provisioned(users=len(users), topics=tuple(created), granted=granted, withdrawn=withdrawn)


def _names(client: AdminClient, secrets: Mapping[str, str]) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    _all(
        client.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(name, info, secret.encode()) for name, secret in secrets.items()]
        )
    )


def _wait_until_known(
    client: AdminClient, secrets: Collection[str], *, granted: int, users: Collection[User]
) -> None:
    """The controller has it; a part that starts now asks the broker, which learns it a moment later."""
    give_up_s = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < give_up_s:
        is_known = set(secrets) <= set(_scram_users(client))
        if is_known and (
            not granted or all(set(access_list(user)) <= set(_held(client, user.name)) for user in users)
        ):
            return
        time.sleep(0.1)
    raise SourceUnavailable(
        "bus.not_provisioned", "the broker does not know its users yet", cure="run it again"
    )


def _scram_users(client: AdminClient) -> Mapping[str, Any]:
    named: Mapping[str, Any] = _result(cast("Future[Any]", client.describe_user_scram_credentials()))
    return named


def _lists(client: AdminClient, users: Iterable[User]) -> tuple[int, int]:
    """Numbers of rights given and taken away."""
    granted = withdrawn = 0
    by_name = {user.name: set(access_list(user)) for user in users}
    by_name |= {name: set() for name in _former(client, by_name)}
    for name, wanted in by_name.items():
        has = set(_held(client, name))
        if missing := wanted - has:
            _all(client.create_acls(list(missing)))
        if beyond := has - wanted:
            _all(client.delete_acls([exactly(binding) for binding in beyond]))
        granted, withdrawn = granted + len(missing), withdrawn + len(beyond)
    return granted, withdrawn


def _former(client: AdminClient, present: Collection[str]) -> set[str]:
    """Families that hold rights or a password and are no longer there; their passwords are deleted."""
    mark = f"{Part.CONNECTORS}-"
    gone = {name for name in _scram_users(client) if name.startswith(mark)} - set(present)
    if gone:
        _all(
            client.alter_user_scram_credentials(
                [UserScramCredentialDeletion(name, ScramMechanism.SCRAM_SHA_512) for name in sorted(gone)]
            )
        )
    holders = {binding.principal.removeprefix("User:") for binding in _held(client, None)}
    return gone | {name for name in holders if name.startswith(mark)} - set(present)


def _held(client: AdminClient, name: str | None) -> list[AclBinding]:
    """What a user holds; None: what everybody holds."""
    any_value: Any = None  # the stubs do not know that it means all
    everything = AclBindingFilter(
        ResourceType.ANY,
        any_value,
        ResourcePatternType.ANY,
        any_value if name is None else f"User:{name}",
        any_value,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found: list[AclBinding] = _result(client.describe_acls(everything))
    return found


def exactly(binding: AclBinding) -> AclBindingFilter:
    """This right and no other."""
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _all(asked: Mapping[Any, Future[Any]]) -> None:
    for future in asked.values():
        _result(future)


def _result(future: Future[Any]) -> Any:
    try:
        return future.result(_TIMEOUT_S)
    except KafkaException as error:
        raise _told(error) from error
    except TimeoutError as error:
        raise SourceUnavailable("bus.broker_away", "the broker did not answer in time") from error


def _told(error: KafkaException) -> CiorError:
    reason = error.args[0]
    return refusal_of(reason) or SourceUnavailable(
        "bus.not_provisioned", f"the broker did not do it ({reason.name()})", cure="run it again"
    )
