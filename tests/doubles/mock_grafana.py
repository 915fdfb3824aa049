"""A Grafana on loopback that is strict: method, path and body must be in the published contract.

Made from ``http_api_contract.json`` (see ``../shared/data/grafana``; not in this repository). It keeps folders, boards
with versions, permissions, teams, accounts and playlists, and can be told to misbehave. What a client asks outside the
contract is in :attr:`MockGrafana.violations`; what it changed is in :attr:`MockGrafana.writes`.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from jsonschema import Draft202012Validator

TOKEN = "glsa_only_for_tests"
LOGIN_PAGE = "<!doctype html><title>Sign in</title><p>This message asks you to sign in.</p>"
# Asked by the clients and answered by Grafana, but not in the published contract.
ALSO = (("GET", "/plugins"),)
READS = {("POST", "/ds/query")}
Reply = tuple[int, Any]


@dataclass
class Fault:
    """A misbehaviour: ``kind`` is a status, or ``html``, ``empty``, ``slow``, ``reset``, ``redirect``; on paths that
    begin with ``path``, for the next ``times`` calls.
    """

    kind: int | str
    path: str = "/"
    times: int = 1_000_000
    method: str = ""


@dataclass
class Asked:
    """One call."""

    method: str
    path: str
    query: str
    body: Any
    headers: dict[str, str]


class Contract:
    """Which operations there are, and the schema of each one's body."""

    def __init__(self, text: str) -> None:
        read = json.loads(text)
        self._defs = {"ConfFloat64": {"type": "number"}, **read["$defs"]}
        known = [(one["method"], one["path"], one["body"]) for one in read["operations"]]
        known += [(method, path, None) for method, path in ALSO]
        # Longer templates without a parameter win: /datasources/uid/{uid} before /datasources/{…}.
        known.sort(key=lambda one: one[1].count("{"))
        self._operations = [(method, path, _pattern(path), body) for method, path, body in known]

    def find(self, method: str, path: str) -> tuple[str, list[str], dict[str, Any] | None] | None:
        """The operation's path template, its parameters and its body's schema; None when there is no such operation."""
        for verb, template, pattern, body in self._operations:
            if verb == method and (found := pattern.fullmatch(path)):
                return template, [unquote(one) for one in found.groups()], body
        return None

    def faults(self, schema: dict[str, Any] | None, body: Any) -> list[str]:
        """What is wrong with a body."""
        if schema is None:
            return [] if body is None else ["a body where there is none"]
        whole = {"$defs": self._defs, **schema}
        return [error.message for error in Draft202012Validator(whole).iter_errors(body)]


def _pattern(template: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", template)]
    return re.compile("([^/]+)".join(parts))


@dataclass
class MockGrafana:
    """State and behaviour; :meth:`serving` makes it listen."""

    contract: Contract
    version: str = "13.2.2"
    plugin_version: str | None = "4.20.0"
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    permissions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    teams: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    playlists: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    source_words: dict[str, str] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda _query: frames([1])
    slow_s: float = 3.0

    @property
    def writes(self) -> list[str]:
        """Every call that changes something."""
        return [
            f"{one.method} {one.path}"
            for one in self.asked
            if one.method != "GET" and (one.method, one.path) not in READS
        ]

    @contextmanager
    def serving(self) -> Iterator[MockGrafana]:
        """Listen on a free port of loopback until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"grafana": self}))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def misbehave(
        self, kind: int | str, path: str = "/", *, times: int = 1_000_000, method: str = ""
    ) -> None:
        """From now on, for ``times`` calls (of ``method``, if one is named) to paths that begin with ``path``."""
        self.faults.append(Fault(kind, path, times, method))

    def fault(self, asked: Asked) -> Fault | None:
        """The misbehaviour that this call meets."""
        for one in self.faults:
            if one.times and asked.path.startswith(one.path) and one.method in {"", asked.method}:
                one.times -= 1
                return one
        return None

    def edit(self, uid: str, **change: Any) -> None:
        """Somebody edits a board in the browser and saves."""
        board = self.boards[uid]["dashboard"]
        board.update(change)
        self._saved(uid, board, message="")

    def reply(self, one: Asked) -> Reply:
        """What a healthy Grafana answers."""
        found = self.contract.find(one.method, one.path)
        if found is None:
            self.violations.append(f"{one.method} {one.path} is not in the contract")
            return 404, {"message": "Not found"}
        template, parameters, schema = found
        if wrong := self.contract.faults(schema, one.body):
            self.violations.append(f"{one.method} {one.path}: {'; '.join(wrong)}")
            return 400, {"message": "bad request data"}
        act = _ACTS.get((one.method, template))
        if act is None:
            self.violations.append(f"{one.method} {template}: this stand-in does not know it")
            return 404, {"message": "Not found"}
        return act(self, one.body, *parameters)

    def _health(self, _body: Any) -> Reply:
        return 200, {"database": "ok", "version": self.version, "commit": "0"}

    def _plugins(self, _body: Any) -> Reply:
        own = {
            "id": "grafana-clickhouse-datasource",
            "type": "datasource",
            "info": {"version": self.plugin_version},
        }
        return 200, [
            {"id": "table", "type": "panel", "info": {"version": ""}},
            *([own] if self.plugin_version else []),
        ]

    def _sources(self, _body: Any) -> Reply:
        return 200, list(self.sources.values())

    def _source(self, _body: Any, uid: str) -> Reply:
        return (
            (200, self.sources[uid]) if uid in self.sources else (404, {"message": "Data source not found"})
        )

    def _source_health(self, _body: Any, uid: str) -> Reply:
        if uid not in self.sources:
            return 500, {"message": "Unable to load datasource metadata"}
        words = self.source_words.get(uid)
        return (
            (400, {"status": "ERROR", "message": words})
            if words
            else (200, {"status": "OK", "message": "works"})
        )

    def _folder(self, _body: Any, uid: str) -> Reply:
        return (200, self.folders[uid]) if uid in self.folders else (404, {"message": "folder not found"})

    def _make_folder(self, body: Any) -> Reply:
        if body["uid"] in self.folders:
            return 412, {"message": "a folder with that uid already exists"}
        made = {"id": len(self.folders) + 1, "version": 1, **body}
        self.folders[body["uid"]] = made
        self.permissions[body["uid"]] = [
            {"role": "Admin", "permission": 4, "inherited": False},
            {"role": "Editor", "permission": 2, "permissionName": "Edit", "inherited": False},
            {"role": "Viewer", "permission": 1, "permissionName": "View", "inherited": False},
        ]
        return 200, made

    def _permissions(self, _body: Any, uid: str) -> Reply:
        return (200, self.permissions[uid]) if uid in self.folders else (404, {"message": "folder not found"})

    def _set_permissions(self, body: Any, uid: str) -> Reply:
        if uid not in self.folders:
            return 404, {"message": "folder not found"}
        admin = {"role": "Admin", "permission": 4, "inherited": False}
        self.permissions[uid] = [admin, *({"inherited": False, **one} for one in body["items"])]
        return 200, {"message": "Folder permissions updated", "id": 1, "title": self.folders[uid]["title"]}

    def _search_teams(self, _body: Any) -> Reply:
        # One more than may be seen: grafana-api's own search_teams() would ask for pages for ever.
        return 200, {"totalCount": len(self.teams) + 1, "teams": self.teams, "page": 1, "perPage": 1000}

    def _make_team(self, body: Any) -> Reply:
        if any(one["name"] == body["name"] for one in self.teams):
            return 409, {"message": "Team name taken"}
        self.teams.append({"id": len(self.teams) + 1, "uid": f"t{len(self.teams)}", "orgId": 1, **body})
        return 200, {"message": "Team created", "teamId": len(self.teams)}

    def _search_accounts(self, _body: Any) -> Reply:
        return 200, {
            "totalCount": len(self.accounts),
            "serviceAccounts": self.accounts,
            "page": 1,
            "perPage": 1000,
        }

    def _make_account(self, body: Any) -> Reply:
        made = {"id": len(self.accounts) + 1, "login": f"sa-{body['name']}", "orgId": 1, **body}
        self.accounts.append(made)
        return 201, made

    def _tokens(self, _body: Any, account: str) -> Reply:
        return 200, self.tokens.get(int(account), [])

    def _make_token(self, body: Any, account: str) -> Reply:
        made = {"id": 1, "name": body["name"]}
        self.tokens.setdefault(int(account), []).append(made)
        return 200, {**made, "key": "glsa_shown_once"}

    def _playlists(self, _body: Any) -> Reply:
        return 200, [
            {key: one[key] for key in ("uid", "name", "interval")} for one in self.playlists.values()
        ]

    def _playlist(self, _body: Any, uid: str) -> Reply:
        return (
            (200, self.playlists[uid]) if uid in self.playlists else (404, {"message": "Playlist not found"})
        )

    def _make_playlist(self, body: Any) -> Reply:
        uid = f"p{len(self.playlists) + 1}"
        self.playlists[uid] = {"uid": uid, **body}
        return 200, {"uid": uid}

    def _put_playlist(self, body: Any, uid: str) -> Reply:
        self.playlists[uid] = {"uid": uid, **body}
        return 200, self.playlists[uid]

    def _board(self, _body: Any, uid: str) -> Reply:
        return (200, self.boards[uid]) if uid in self.boards else (404, {"message": "Dashboard not found"})

    def _save_board(self, body: Any) -> Reply:
        board = dict(body["dashboard"])
        uid = board["uid"]
        there = self.boards.get(uid)
        if there and there["meta"].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if there and not body["overwrite"] and there["dashboard"]["version"] != board.get("version"):
            return 412, {
                "status": "version-mismatch",
                "message": "The dashboard has been changed by someone else",
            }
        self.boards.setdefault(uid, {"meta": {"provisioned": False}})["meta"]["folderUid"] = body["folderUid"]
        return 200, {
            "status": "success",
            "uid": uid,
            "version": self._saved(uid, board, message=body["message"]),
        }

    def _saved(self, uid: str, board: dict[str, Any], *, message: str) -> int:
        log = self.history.setdefault(uid, [])
        version = len(log) + 1
        self.boards[uid]["dashboard"] = {**board, "id": 7, "version": version}
        log.insert(0, {"id": version, "version": version, "message": message, "createdBy": "admin"})
        return version

    def _versions(self, _body: Any, uid: str) -> Reply:
        if uid not in self.history:
            return 404, {"message": "Dashboard not found"}
        return 200, {"continueToken": "", "versions": self.history[uid]}

    def _rules(self, _body: Any) -> Reply:
        return 200, self.rules

    def _query(self, body: Any) -> Reply:
        results = {query["refId"]: self.answer(query) for query in body["queries"]}
        return (400 if any("error" in one for one in results.values()) else 200), {"results": results}


_ACTS: dict[tuple[str, str], Callable[..., Reply]] = {
    ("GET", "/health"): MockGrafana._health,
    ("GET", "/plugins"): MockGrafana._plugins,
    ("GET", "/datasources"): MockGrafana._sources,
    ("GET", "/datasources/uid/{uid}"): MockGrafana._source,
    ("GET", "/datasources/uid/{uid}/health"): MockGrafana._source_health,
    ("GET", "/folders/{folder_uid}"): MockGrafana._folder,
    ("POST", "/folders"): MockGrafana._make_folder,
    ("GET", "/folders/{folder_uid}/permissions"): MockGrafana._permissions,
    ("POST", "/folders/{folder_uid}/permissions"): MockGrafana._set_permissions,
    ("GET", "/teams/search"): MockGrafana._search_teams,
    ("POST", "/teams"): MockGrafana._make_team,
    ("GET", "/serviceaccounts/search"): MockGrafana._search_accounts,
    ("POST", "/serviceaccounts"): MockGrafana._make_account,
    ("GET", "/serviceaccounts/{serviceAccountId}/tokens"): MockGrafana._tokens,
    ("POST", "/serviceaccounts/{serviceAccountId}/tokens"): MockGrafana._make_token,
    ("GET", "/playlists"): MockGrafana._playlists,
    ("GET", "/playlists/{uid}"): MockGrafana._playlist,
    ("POST", "/playlists"): MockGrafana._make_playlist,
    ("PUT", "/playlists/{uid}"): MockGrafana._put_playlist,
    ("GET", "/dashboards/uid/{uid}"): MockGrafana._board,
    ("POST", "/dashboards/db"): MockGrafana._save_board,
    ("GET", "/dashboards/uid/{uid}/versions"): MockGrafana._versions,
    ("GET", "/v1/provisioning/alert-rules"): MockGrafana._rules,
    ("POST", "/ds/query"): MockGrafana._query,
}


def frames(*columns: list[Any]) -> dict[str, Any]:
    """A query's answer of these columns; no rows give a frame without fields, as the plugin does."""
    if not any(columns):
        return {"status": 200, "frames": [{"schema": {"fields": []}, "data": {"values": []}}]}
    fields = [{"name": f"c{number}", "type": "number"} for number, _ in enumerate(columns)]
    return {
        "status": 200,
        "frames": [{"schema": {"refId": "A", "fields": fields}, "data": {"values": list(columns)}}],
    }


class _Handler(BaseHTTPRequestHandler):
    grafana: ClassVar[MockGrafana]
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length) if length else b""
        if not parts.path.startswith("/api/"):
            self.grafana.violations.append(f"{self.path} is not below /api")
        path = parts.path.removeprefix("/api").rstrip("/") or "/"
        body = json.loads(sent) if sent else None
        one = Asked(self.command, path, parts.query, body, dict(self.headers.items()))
        self.grafana.asked.append(one)
        fault = self.grafana.fault(one)
        if fault:
            self._misbehave(fault, one)
        elif path != "/health" and not self._signed_in():
            self._json(401, {"message": "Invalid API key"})
        else:
            self._json(*self.grafana.reply(one))

    def _signed_in(self) -> bool:
        basic = "Basic YWRtaW46c2VjcmV0"  # admin:secret
        return self.headers.get("Authorization") in {f"Bearer {TOKEN}", basic}

    def _misbehave(self, fault: Fault, one: Asked) -> None:
        match fault.kind:
            case int(status) if status == 204:
                self.grafana.reply(one)
                self._send(204, b"", "")
            case int(status):
                self._json(status, {"message": f"told to answer {status}"})
            case "html":
                self._send(200, LOGIN_PAGE.encode(), "text/html; charset=utf-8")
            case "proxy":
                self._send(502, LOGIN_PAGE.encode(), "text/html; charset=utf-8")
            case "redirect":
                self._send(302, b"", "text/html", {"Location": f"{self.grafana.url}/api/health"})
            case "slow":
                time.sleep(self.grafana.slow_s)
                self.close_connection = True
            case "shape":
                self._json(200, {"unexpected": True})
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case other:
                raise AssertionError(f"no misbehaviour {other}")

    def _json(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing: the calls are in ``asked``."""


for _verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_verb}", _Handler._serve)


def mock_grafana(data: Path) -> MockGrafana:
    """A stand-in after the contract in ``data/grafana``."""
    return MockGrafana(Contract((data / "grafana" / "http_api_contract.json").read_text()))
