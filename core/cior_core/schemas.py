"""The wire forms as documents: JSON Schema 2020-12 of each, an AsyncAPI 3.0 description of the topics, and what may
change between versions.

All are made from the structs themselves, so they cannot say anything else than the code does. Pure: returns trees,
``docs/generate.py`` writes them.

The rule of version 1 (research/protocols.md §7, law 12): optional fields may be added, nothing else. Readers keep what
they do not know, so schemas never close an object. A rename, another type or a new requirement is version 2, beside
version 1. The kinds of acts and commands may grow (:data:`GROWING`): who does not know one keeps it whole, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from cior_core import cloudevents
from cior_core.catalogue import ENTRIES, TOPICS, TopicSpec

Schema = dict[str, Any]

WIRE_FORMS: Final[dict[str, Any]] = {entry.schema_name: entry.codec.wire for entry in ENTRIES}
"""Schema name to the struct (or union) whose JSON it describes.

``Event`` itself stands in ``item``: the area log has it as plain JSON.
"""

GROWING: Final = frozenset({"ActionKind", "CommandKind"})
"""Enumerations that may gain values: an older reader makes a dead letter of such an act or command, with its bytes and
an alarm. Readers are renewed before the console or correlator that sends it. No other enumeration may: a level that one
reader does not know would hide an alert."""

_REF: Final = "#/$defs/{name}"


class Breach(msgspec.Struct, frozen=True, order=True):
    """A change that version 1 does not allow: where, what."""

    path: str
    change: str


def _schema_id(name: str) -> str:
    """``urn:cior:schema:<name>:v1``, what the ``dataschema`` attribute of an event holds."""
    return f"urn:cior:schema:{name}:v1"


def schema(name: str) -> Schema:
    """The JSON Schema of the wire form called ``name``.

    Raises ``KeyError`` for a name that is not in :data:`WIRE_FORMS`.
    """
    (root,), parts = msgspec.json.schema_components([WIRE_FORMS[name]], ref_template=_REF)
    definitions = {part: _opened(tree) for part, tree in sorted(parts.items())}
    if name == "event":
        _as_cloudevent(definitions["WireEvent"])
    tree = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _schema_id(name),
        "title": f"CIOR {name}, version 1",
        **root,
        "$defs": definitions,
    }
    plain: Schema = msgspec.json.decode(
        msgspec.json.encode(tree)
    )  # defaults are tuples until they have been JSON
    return plain


def schemas() -> dict[str, Schema]:
    """Every wire form's schema by name."""
    return {name: schema(name) for name in WIRE_FORMS}


def _opened(tree: Schema) -> Schema:
    """The schema with its objects open: unknown members are kept, never refused."""
    return {
        key: value for key, value in tree.items() if key != "additionalProperties" or isinstance(value, dict)
    }


def _as_cloudevent(root: Schema) -> None:
    """Adds what types cannot say: the attributes CloudEvents 1.0 fixes, and that only they are required of others."""
    properties = root["properties"]
    for name in ("time", "receivedtime"):
        properties[name]["format"] = "date-time"
    properties["recordedtime"]["anyOf"][0]["format"] = "date-time"
    properties["specversion"]["const"] = "1.0"
    properties["datacontenttype"]["const"] = "application/json"
    properties["type"]["pattern"] = r"^ar\.cior\.[a-z0-9_]+(\.[a-z0-9_]+)*\.v1$"
    for name in ("id", "source", "subject"):
        properties[name]["minLength"] = 1
    root["required"] = ["specversion", "id", "source", "type", "subject", "time"]


# --- AsyncAPI ---


def asyncapi(*, version: str) -> Schema:
    """An AsyncAPI 3.0.0 document of the catalogue's topics; ``version`` is the release.

    A payload is the schema file beside it.
    """
    carried = {topic.name: entry.schema_name for entry in ENTRIES for topic in entry.topics}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CIOR topics",
            "version": version,
            "license": {"name": "AGPL-3.0-or-later"},
            "description": "Every topic of a centre: what it carries, by which key, how long. "
            "Made from the code by docs/generate.py.",
        },
        "defaultContentType": "application/json",
        "channels": {_slug(topic): _channel(topic, carried[topic.name]) for topic in TOPICS},
        "operations": {
            f"publish_{_slug(topic)}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{_slug(topic)}"},
            }
            for topic in TOPICS
        },
        "components": {"messages": {name: _message(name) for name in sorted(set(carried.values()))}},
    }


def _slug(topic: TopicSpec) -> str:
    return topic.name.replace(".", "_").replace("-", "_")


def _channel(topic: TopicSpec, message: str) -> Schema:
    policy = ["compact"] if topic.compacted else ["delete"]
    retention = {} if topic.retention_s is None else {"retention.ms": topic.retention_s * 1000}
    return {
        "address": topic.name,
        "description": f"{topic.purpose}. Key: {topic.key}. Value: {topic.value}.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "bindingVersion": "0.5.0",
                "topicConfiguration": {
                    "cleanup.policy": policy,
                    **retention,
                    "max.message.bytes": topic.max_message_bytes,
                },
            }
        },
    }


def _message(name: str) -> Schema:
    return {
        "name": name,
        "title": f"CIOR {name}, version 1",
        "contentType": cloudevents.CONTENT_TYPE if name == "event" else "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{name}.v1.json"},
        },
    }


# --- compatibility
# --------------------------------------------------------------------------------------------------------------------


def breaches(old: Schema, new: Schema) -> tuple[Breach, ...]:
    """What in ``new`` breaks readers or writers of ``old``; empty when only optional fields (or whole new definitions)
    were added.

    Changes found: ``definition removed``, ``field removed``, ``type changed``, ``field became required``, ``field
    became optional``, ``required field added``, ``default changed`` (defaults are not written, so old bytes would
    change their meaning), ``values changed``.
    """
    was, now = old.get("$defs", {}), new.get("$defs", {})
    found = [*_root_breaches(old, new)]
    for name, definition in was.items():
        if name not in now:
            found.append(Breach(name, "definition removed"))
        else:
            found += _definition_breaches(name, definition, now[name])
    return tuple(sorted(found))


def _root_breaches(old: Schema, new: Schema) -> Iterator[Breach]:
    if {key: old.get(key) for key in ("$ref", "$id")} != {key: new.get(key) for key in ("$ref", "$id")}:
        yield Breach("", "type changed")
    if any(member not in new.get("anyOf", []) for member in old.get("anyOf", [])):
        yield Breach("", "type changed")


def _definition_breaches(path: str, old: Schema, new: Schema) -> Iterator[Breach]:
    if old.get("type") != new.get("type"):
        yield Breach(path, "type changed")
    if not _same_values(path, old.get("enum"), new.get("enum")):
        yield Breach(path, "values changed")
    was, now = old.get("properties", {}), new.get("properties", {})
    needed_then, needed_now = set(old.get("required", ())), set(new.get("required", ()))
    for name, field in was.items():
        yield from _field_breaches(f"{path}.{name}", field, now.get(name))
    for name in sorted((needed_now - needed_then) & set(was)):
        yield Breach(f"{path}.{name}", "field became required")
    for name in sorted((needed_then - needed_now) & set(now)):
        yield Breach(f"{path}.{name}", "field became optional")
    for name in sorted(needed_now - set(was)):
        yield Breach(f"{path}.{name}", "required field added")


def _same_values(path: str, old: list[str] | None, new: list[str] | None) -> bool:
    """Whether an enumeration has the values that it had; of one that may grow, all of them at least."""
    if path in GROWING and old is not None and new is not None:
        return set(old) <= set(new)
    return old == new


def _field_breaches(path: str, old: Schema, new: Schema | None) -> Iterator[Breach]:
    if new is None:
        yield Breach(path, "field removed")
    elif _meaning(old) != _meaning(new):
        yield Breach(path, "type changed")
    elif ("default" in old, old.get("default")) != ("default" in new, new.get("default")):
        yield Breach(path, "default changed")


def _meaning(field: Mapping[str, Any]) -> Schema:
    """A field without what is only said about it."""
    return {key: value for key, value in field.items() if key not in {"default", "description", "title"}}
