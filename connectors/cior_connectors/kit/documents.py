"""Generated parts of a connector's README: the configuration table and the quality badge, between markers."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from cior_connectors.contract import ConnectorConfig, Secret
from cior_connectors.kit.quality import Status, rules
from cior_connectors.registry import Kind

_BLOCK = re.compile(r"<!-- generated:(?P<name>config|quality) -->.*?<!-- /generated -->", re.DOTALL)


def refreshed(text: str, kind: Kind) -> str:
    """``text`` with its generated blocks written anew; a README without both markers is returned with them appended."""
    makers = {"config": lambda: config_table(kind.config_model), "quality": lambda: quality_badge(kind)}
    for name in makers:
        if f"<!-- generated:{name} -->" not in text:
            text = f"{text.rstrip()}\n\n{_block(name, '')}\n"
    return _BLOCK.sub(lambda found: _block(found["name"], makers[found["name"]]()), text)


def config_table(model: type[ConnectorConfig]) -> str:
    """The fields of a config model as a Markdown table, from their ``msgspec.Meta``."""
    hints = get_type_hints(model, include_extras=True)
    lines = ["| key | type | default | meaning | example |", "|---|---|---|---|---|"]
    for each in msgspec.structs.fields(model):
        meta = _meta(hints[each.name])
        description = (meta.description or "") if meta else ""
        example = _shown(meta.examples[0]) if meta and meta.examples else ""
        lines.append(
            f"| `{each.encode_name}` | {_type(hints[each.name])} | {_default(each)} | {description} | {example} |"
        )
    return "\n".join(lines)


def quality_badge(kind: Kind) -> str:
    """Tier, how many rules are done, and what is missing."""
    done = [rule for rule in rules() if kind.quality.status(rule) is not Status.TODO]
    missing = [rule.id for rule in rules() if rule not in done]
    tail = f"; missing: {', '.join(missing)}" if missing else ""
    checked = sum(bool(rule.check) for rule in done)
    counts = f"{len(done)} of {len(rules())} rules, {checked} of them checked by machine"
    return f"**Quality: {kind.quality.tier.value}** ({counts}{tail})"


def _block(name: str, body: str) -> str:
    return f"<!-- generated:{name} -->\n{body}\n<!-- /generated -->"


def _meta(hint: Any) -> msgspec.Meta | None:
    return next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, msgspec.Meta)), None)


def _type(hint: Any) -> str:
    if hasattr(hint, "__metadata__"):
        return _type(get_args(hint)[0])
    if hint is Secret:
        return "secret"
    origin, parts = (
        get_origin(hint),
        [part for part in get_args(hint) if part is not type(None) and part is not Ellipsis],
    )
    if origin is dict:
        return "table"
    if origin in {tuple, list, frozenset, set}:
        return f"list of {_type(parts[0])}"
    if parts and origin is not None:
        return " or ".join(
            dict.fromkeys(
                _type(part) if isinstance(part, type) or get_origin(part) else _shown(part) for part in parts
            )
        )
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true/false"}.get(
        getattr(hint, "__name__", ""), getattr(hint, "__name__", "value")
    )


def _default(field: Any) -> str:
    if field.default is not msgspec.NODEFAULT:
        return "none" if field.default is None else _shown(field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return _shown(field.default_factory())
    return "required"


def _shown(value: Any) -> str:
    if value in ({}, (), []):
        return "empty"
    try:
        text = msgspec.json.encode(value).decode()
    except TypeError:
        text = str(value)
    return f"`{text}`".replace("|", "\\|")
