"""OpenAPI 3.1 and the two pages of ``docs/`` (``api.md``, ``roles.md``), made from the table of endpoints."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cior_console import problems
from cior_console.authorising import REASON
from cior_console.endpoints import Endpoint, Ledgered
from cior_console.problems import Problem
from cior_core.privacy import Asking, Decision, Policy, Role, Share, decide

_REF = "#/components/schemas/{name}"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
Json = dict[str, Any]


def document(endpoints: Iterable[Endpoint], *, title: str = "CIOR") -> Json:
    """The API as OpenAPI 3.1.0; every schema comes from the structs themselves."""
    told = sorted(endpoints, key=lambda each: (each.path, each.method))
    types = [kind for each in told for kind in (each.body, each.query, each.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    by_type = dict(zip([id(kind) for kind in types], schemas, strict=False))
    paths: dict[str, Json] = {}
    for each in told:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, by_type, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "license": {"name": "AGPL-3.0-or-later"}},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "__Host-cior"}},
        },
    }


def _operation(endpoint: Endpoint, by_type: Mapping[int, Json], components: Mapping[str, Json]) -> Json:
    made: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.says,
        "parameters": _parameters(endpoint, components),
        "responses": _responses(endpoint, by_type),
        "security": [] if endpoint.is_open else [{"session": []}],
        "x-roles": sorted(endpoint.roles),
        "x-purpose": endpoint.purpose.value,
        "x-data-class": endpoint.data_class.value,
        "x-ledger": endpoint.ledgered.value,
    }
    if endpoint.body is not None:
        content = {endpoint.body_type: {"schema": by_type[id(endpoint.body)]}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _parameters(endpoint: Endpoint, components: Mapping[str, Json]) -> list[Json]:
    text = {"type": "string"}
    found: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": text} for name in endpoint.parameters
    ]
    if endpoint.query is not None:
        schema = components[endpoint.query.__name__]
        required = set(schema.get("required", ()))
        found += [
            {"name": name, "in": "query", "required": name in required, "schema": part}
            for name, part in schema["properties"].items()
        ]
    headers = dict(endpoint.headers)
    if endpoint.ledgered is Ledgered.READ:
        headers.setdefault(REASON, "why, percent-encoded UTF-8; some roles must say it")
    found += [
        {"name": name, "in": "header", "required": False, "schema": text, "description": says}
        for name, says in headers.items()
    ]
    return found


def _responses(endpoint: Endpoint, by_type: Mapping[int, Json]) -> Json:
    content: Json = {endpoint.media_type: {}}
    if endpoint.answer is not None:
        content = {endpoint.media_type: {"schema": by_type[id(endpoint.answer)]}}
    said: Json = {str(endpoint.status): {"description": endpoint.says, "content": content}}
    if endpoint.status == 202:
        said["200"] = {"description": "the outcome is known", "content": content}
    for code in _problem_codes(endpoint):
        status = str(problems.catalogue()[code].status)
        row = said.setdefault(status, {"description": "", "content": _PROBLEM})
        row["description"] = f"{row['description']}, {code}".removeprefix(", ")
    return said


def _problem_codes(endpoint: Endpoint) -> tuple[str, ...]:
    codes = [*endpoint.problems, "request.method", "request.no_such_path", "request.busy"]
    if endpoint.body is not None:
        codes += ["request.malformed", "request.not_json", "request.too_large"]
    elif endpoint.query is not None:
        codes.append("request.malformed")
    if not endpoint.is_open:
        codes += ["session.missing", "access.role", "access.denied", "access.reason_missing"]
    if endpoint.needs_fresh_sign_in:
        codes.append("session.not_fresh")
    if endpoint.ledgered is not Ledgered.NOTHING:
        codes.append("register.away")
    if endpoint.ledgered is Ledgered.ACT:
        codes.append("register.contradiction")
    return tuple(dict.fromkeys(codes))


def openapi_text(endpoints: Iterable[Endpoint]) -> str:
    """The document as it is committed."""
    return json.dumps(document(endpoints), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def judged(endpoint: Endpoint, role: Role, policy: Policy, *, reason: str = "") -> Decision:
    """What an endpoint answers a role, before anything of the request is known but its reason; a partner, under an
    agreement that shares everything.
    """
    if endpoint.is_open:
        return Decision(outcome="allow", code="allow.open")
    if role not in endpoint.roles:
        return Decision(outcome="deny", code="deny.role")
    purpose = endpoint.purpose_for(role)
    asking = Asking(
        role=role, purpose=purpose, data_class=endpoint.data_class, reason=reason,
        shares=endpoint.shares, agreed=frozenset(Share),
    )  # fmt: skip
    return decide(asking, policy)


def _cell(endpoint: Endpoint, role: Role, policy: Policy) -> str:
    bare, said = judged(endpoint, role, policy), judged(endpoint, role, policy, reason="why")
    if said.outcome == "deny":
        return "–" if said.code == "deny.role" else f"– {said.code}"
    word = "yes" if said.outcome == "allow" else "part"
    return f"{word}, says why" if bare.outcome == "deny" else word


_ROLES_HEAD = """# Roles

Generated from the table of endpoints and `core/cior_core/data/privacy.toml` by `make docs`; a test keeps it fresh,
another one tries every endpoint with every role over HTTP.

*yes*: all of it; *part*: without who it was; *says why*: only with a reason. What a role does not list is refused to
it, and the refusal is in the ledger. Districts, agencies and cameras of a grant narrow the rows of every answer. A
*partner* gets what stands here under an agreement that two persons entered, as far as that reaches, and nothing else.
"""


def roles_page(endpoints: Iterable[Endpoint], policy: Policy) -> str:
    """``docs/roles.md``: every endpoint, role and class, with what the privacy table says."""
    told = sorted(endpoints, key=lambda each: (each.path, each.method))
    text = _ROLES_HEAD
    for role in Role:
        rows = [
            f"| `{each.method} {each.path}` | {each.purpose_for(role).value} | {each.data_class.value} "
            f"| {_cell(each, role, policy)} | {each.ledgered.value} |"
            for each in told
            if not each.is_open and role in each.roles
        ]
        text += (
            f"\n## {role.value}\n\n| endpoint | purpose | class | answer | ledger |\n|---|---|---|---|---|\n"
        )
        text += "\n".join(rows) + "\n"
    open_to_all = ", ".join(f"`{each.method} {each.path}`" for each in told if each.is_open)
    return text + "\n## Nobody yet\n\n" + _wrapped(f"Before anybody has signed in: {open_to_all}.")


def api_page(endpoints: Iterable[Endpoint]) -> str:
    """``docs/api.md``: every endpoint with its bodies and answers, for who writes a client."""
    told = sorted((each for each in endpoints if each.path.startswith("/api/v1")), key=lambda each: each.path)
    types = [kind for each in told for kind in (each.body, each.query, each.answer) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template="{name}")
    names = dict(zip([id(kind) for kind in types], map(_kind, schemas), strict=False))
    text = _API_HEAD
    for each in told:
        text += f"\n## {each.method} `{each.path}`\n\n" + _wrapped(f"{each.says}. {_who(each)}") + "\n"
        text += "".join(_wrapped(f"- {line}") for line in _points(each, names))
    text += "\n## Shapes\n\nA field with * must be there.\n"
    return text + "".join(_shape(name, schema) for name, schema in sorted(components.items()))


_API_HEAD = """# API

Generated from the table of endpoints by `make docs`; a test keeps it fresh. The same as OpenAPI 3.1:
[openapi.json](openapi.json). Who may ask what: [roles.md](roles.md).

Instants are UTC milliseconds of the server, places WGS84 degrees. A refusal is `application/problem+json` (RFC 9457).
Bodies are JSON of 64 KiB at most. What is not GET needs the `Origin` of this console.
"""


def _points(endpoint: Endpoint, names: Mapping[int, str]) -> Iterable[str]:
    parts = (
        ("query", endpoint.query),
        ("body", endpoint.body),
        (f"answer ({endpoint.status})", endpoint.answer),
    )
    yield from (f"{what}: {names[id(kind)]}" for what, kind in parts if kind is not None)
    if endpoint.streams:
        yield "answer: `text/event-stream`"
    yield from (f"header `{name}`: {says}" for name, says in endpoint.headers.items())
    if endpoint.problems:
        yield f"refuses with: {', '.join(endpoint.problems)}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, width=118, subsequent_indent="  " if text.startswith("-") else "") + "\n"


def _who(endpoint: Endpoint) -> str:
    if endpoint.is_open:
        return "Open to all."
    fresh = " The sign-in must be fresh." if endpoint.needs_fresh_sign_in else ""
    return f"For {', '.join(sorted(endpoint.roles))}; {endpoint.data_class.value}.{fresh}"


def _shape(name: str, schema: Json) -> str:
    text = f"\n### {name}\n\n"
    if "enum" in schema:
        return text + _wrapped(", ".join(f"`{value}`" for value in schema["enum"]))
    required = set(schema.get("required", ()))
    rows = [
        f"| `{field}`{'*' if field in required else ''} | {_kind(part)} |"
        for field, part in schema.get("properties", {}).items()
    ]
    return text + "| field | type |\n|---|---|\n" + "\n".join(rows) + "\n"


def _kind(schema: Json) -> str:
    """A schema in a few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items') or {})}"
    if "$ref" in schema:
        return str(schema["$ref"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return str(schema.get("type", "any"))
