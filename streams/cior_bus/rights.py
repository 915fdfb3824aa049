"""Who may do what on the broker: the one table from which its access lists, the parts' own test at their start, the
changelogs that are made beforehand and docs/rights.md come.

Everything that stands in no row is refused (law 9). A right to read or write a topic shows its metadata too; nobody
but the administrator creates, deletes or changes anything.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the stubs forget what it re-exports
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from cior_bus import topics
from cior_core.catalogue import KINDS, Kind, TopicSpec
from cior_core.errors import ConfigInvalid
from cior_core.model import Struct


class Part(StrEnum):
    """Who connects. The value is the user's name at the broker; connectors have one user a family."""

    CONNECTORS = "connectors"
    VISION = "vision"
    RECORDER = "recorder"
    STREAMS_URGENT = "streams-urgent"
    STREAMS_BULK = "streams-bulk"
    SINK = "sink"
    CONSOLE = "console"
    RECORDER_OF_THE_LOG = "log-reader"
    RESPONSE_TEAM = "response-team"


ADMIN: Final = "admin"
"""Who provisions: known by a certificate, beyond all lists."""
TABLE_PARTITIONS: Final = topics.AREA.partitions
CHANGELOG_BYTES: Final = 2_097_152


class Rights(Struct, frozen=True, kw_only=True):
    """One part's row.

    ``group``: the consumer groups that it may join: those whose names begin so, and no others. ``tables``: the stream
    tables whose changelogs it keeps.
    """

    part: Part
    what: str
    reads: tuple[TopicSpec, ...] = ()
    writes: tuple[TopicSpec, ...] = ()
    group: str = ""
    tables: tuple[str, ...] = ()

    def changelogs(self, *, partitions: int = TABLE_PARTITIONS, group: str = "") -> tuple[TopicSpec, ...]:
        """The topics that keep its tables; ``group``: of a worker whose application has another name."""
        return tuple(
            TopicSpec(
                name=f"{group or self.group}-{table}-changelog",
                key="the table's",
                value="the table's",
                partitions=partitions,
                retention_s=None,
                compacted=True,
                purpose=f"the table {table} of {self.part}",
                max_message_bytes=CHANGELOG_BYTES,
            )
            for table in self.tables
        )


class User(Struct, frozen=True, kw_only=True):
    """A part as the broker knows it: its name there, and its rights with the family filled in."""

    name: str
    rights: Rights


_LANES: Final = KINDS[Kind.EVENT].topics
_STORED: Final = tuple(topic for entry in KINDS.values() if entry.table for topic in entry.topics)
_ORDER: Final = (topics.AREA, topics.WAITING)

RIGHTS: Final = (
    Rights(
        part=Part.CONNECTORS,
        what="a family of connectors: what devices say, and their obedience",
        reads=(topics.COMMANDS,),
        writes=(topics.RAW, topics.SEALED, *_LANES, topics.RECEIPTS, topics.DEAD),
        group="cior-obeying-{family}.",
    ),
    Rights(
        part=Part.VISION,
        what="what cameras see, and obedience to those who ask a camera to look",
        reads=(topics.COMMANDS,),
        writes=(topics.RAW, topics.SEALED, *_LANES, topics.RECEIPTS, topics.DEAD),
        group="cior-obeying-vision.",
    ),
    Rights(
        part=Part.RECORDER,
        what="how its disk is, and obedience to those who ask that video be kept",
        reads=(topics.COMMANDS,),
        writes=(*_LANES, topics.RECEIPTS, topics.DEAD),
        group="cior-obeying-recorder.",
    ),
    Rights(
        part=Part.STREAMS_URGENT,
        what="presses and decisions into the area log, alerts out of it",
        reads=(topics.URGENT, topics.ACTIONS, topics.RECEIPTS, *_ORDER),
        writes=(
            *_ORDER,
            topics.ALERTS,
            topics.TRANSITIONS,
            topics.SILENCES,
            topics.COMMANDS,
            *_LANES,
            topics.DEAD,
        ),
        group="cior-urgent",
        tables=("areas", "press_devices"),
    ),
    Rights(
        part=Part.STREAMS_BULK,
        what="devices' state, and what of the rest concerns the area log",
        reads=(topics.EVENTS, topics.TELEMETRY),
        writes=(*_ORDER, *_LANES, topics.DEAD),
        group="cior-bulk",
        tables=("devices",),
    ),
    Rights(
        part=Part.SINK,
        what="everything that has a table, into it; says what does not balance",
        reads=_STORED,
        writes=(*_LANES, topics.DEAD),
        group="cior-store-",
    ),
    Rights(
        part=Part.CONSOLE,
        what="alerts onto the wall, people's decisions from it and elsewhere, what became of them, the ledger's copy, "
        "silences, who is on duty, how judicial requests stand, and whom to tell of them",
        reads=(topics.ALERTS, topics.TRANSITIONS, topics.ACTIONS, topics.SILENCES),
        writes=(topics.ACTIONS, topics.LEDGER, topics.DUTY, topics.REQUESTS, topics.NOTICES),
        group="cior-feed-",
    ),
    Rights(
        part=Part.RECORDER_OF_THE_LOG,
        what="`cior record`: the area log into a file",
        reads=(topics.AREA,),
        group="cior-record-",
    ),
    Rights(
        part=Part.RESPONSE_TEAM,
        what="sealed boxes for the team that can open them",
        reads=(topics.SEALED,),
        group="cior-response-",
    ),
)
"""The table. Law 9: what stands in no row is refused."""

_MORE_WRITES: Final = {"notify": (topics.ACTIONS,)}
"""What one family of connectors may write besides: who was told acknowledges, and it signs that (ADR 33)."""

_MORE_READS: Final = {"notify": (topics.DUTY, topics.NOTICES)}
"""What one family may read besides: whoever rings people knows who is on duty (ADR 37) and hears of requests (ADR 56).
"""

_FAMILY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BY_PART: Final = {row.part: row for row in RIGHTS}


def user_of(part: Part, *, family: str = "") -> User:
    """A part's user; connectors say which family.

    Raises ``ValueError`` when only one of the two was said, ``ConfigInvalid`` (``bus.family_name``).
    """
    if (part is Part.CONNECTORS) != bool(family):
        raise ValueError(f"{part}: a family is said of connectors, and of them always")
    if family and not _FAMILY.fullmatch(family):
        raise ConfigInvalid(
            "bus.family_name",
            "a family's name is part of its groups' names, and would reach into those of another",
            cure="letters, digits, _ and - only",
        )
    rights = _BY_PART[part]
    if not family:
        return User(name=part.value, rights=rights)
    named = Rights(
        part=part,
        what=rights.what,
        reads=(*rights.reads, *_MORE_READS.get(family, ())),
        writes=(*rights.writes, *_MORE_WRITES.get(family, ())),
        group=rights.group.format(family=family),
    )
    return User(name=f"{part.value}-{family}", rights=named)


def commands_of(family: str) -> tuple[TopicSpec, ...]:
    """Where a family of connectors finds what it is to do."""
    own = {each.name for each in user_of(Part.CONNECTORS, family=family).rights.reads}
    return tuple(each for each in KINDS[Kind.COMMAND].topics if each.name in own)


def users(families: tuple[str, ...]) -> tuple[User, ...]:
    """Everybody in a centre with these families of connectors."""
    alone = tuple(user_of(row.part) for row in RIGHTS if row.part is not Part.CONNECTORS)
    return (*(user_of(Part.CONNECTORS, family=each) for each in families), *alone)


def access_list(user: User) -> tuple[AclBinding, ...]:
    """What the broker must hold for ``user``, and nothing more."""
    rights = user.rights
    found = [_allowed(user, spec.name, AclOperation.READ) for spec in rights.reads]
    found += [_allowed(user, spec.name, AclOperation.WRITE) for spec in rights.writes]
    if rights.tables:
        prefix = f"{rights.group}-"
        found += [
            _allowed(user, prefix, each, pattern=ResourcePatternType.PREFIXED)
            for each in (AclOperation.READ, AclOperation.WRITE)
        ]
    if rights.group:
        found.append(
            _allowed(
                user,
                rights.group,
                AclOperation.READ,
                kind=ResourceType.GROUP,
                pattern=ResourcePatternType.PREFIXED,
            )
        )
    return tuple(found)


def _allowed(
    user: User,
    name: str,
    operation: AclOperation,
    *,
    kind: ResourceType = ResourceType.TOPIC,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{user.name}", "*", operation, AclPermissionType.ALLOW)
