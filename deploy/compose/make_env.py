"""Make the secrets of a centre: ``python3 deploy/compose/make_env.py [FILE]`` writes ``.env`` beside
docker-compose.yml, and the folder ``secrets`` beside that, once. Standard library only.

It never overwrites: the passwords in a lost file could not be made again. Readable by its owner only. ClickHouse gets
SHA-256 digests; of the passwords, this file keeps those that a container must present and those that people need
(Grafana's data sources, response team, auditors, ledger, backup). The folder holds one file a secret for the services
that read files: the folder is closed to others, its files are not, since each is shown alone in a container with users
of its own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import sys
import uuid
from pathlib import Path

USERS = (
    "MIGRATOR",
    "SINK",
    "CONSOLE",
    "EVIDENCE",
    "GRAFANA_WALL",
    "GRAFANA_SUPERVISOR",
    "GRAFANA_OBSERVATORY",
    "RESPONSE_TEAM",
    "AUDITOR",
    "LEDGER",
    "BACKUP",
)
BUS = (
    "connectors-dc09",
    "connectors-traccar",
    "connectors-cad_drop",
    "connectors-notify",
    "vision",
    "recorder",
    "streams-urgent",
    "streams-bulk",
    "sink",
    "console",
    "log-reader",
    "response-team",
)
"""Users of the broker: docs/rights.md, with the families of deploy/compose/centre."""


OPENING = "store_opening_password"
"""Of the store's user for sealed openings: the console reads it as a file, ``.env`` has its digest alone."""


def lines(opening: str) -> list[str]:
    """The file's lines, with new secrets; ``opening``: the password in :data:`OPENING`."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    made = [
        "# Secrets of this centre. Keep a copy in a safe place; never commit it.",
        f"CIOR_KAFKA_CLUSTER_ID={cluster}",
    ]
    for user in USERS:
        password = secrets.token_hex(24)
        made.append(f"CIOR_CLICKHOUSE_{user}_PASSWORD={password}")
        made.append(f"CIOR_CLICKHOUSE_{user}_SHA256={hashlib.sha256(password.encode()).hexdigest()}")
    made.append(f"CIOR_CLICKHOUSE_OPENING_SHA256={hashlib.sha256(opening.encode()).hexdigest()}")
    made += [
        f"CIOR_GRAFANA_WEBHOOK_TOKEN={secrets.token_hex(24)}",
        "# Whom Grafana tells when a part of the centre fails. These two lead nowhere: put yours here, then",
        "# docker compose up -d grafana. Mail also needs CIOR_SMTP_ENABLED=true and CIOR_SMTP_HOST (deploy/README.md).",
        "CIOR_GRAFANA_WEBHOOK_URL=http://change-me.invalid/platform",
        "CIOR_GRAFANA_MAIL_TO=change-me@platform.invalid",
    ]
    made += [
        "# The response team's public key: the line in the team.public that `cior keys team FOLDER` makes on the",
        "# team's own computer. The private half never comes here. Until this line is filled in, nothing starts.",
        "CIOR_TEAM_PUBLIC=",
    ]
    return [*made, f"CIOR_DC09_KEY={secrets.token_hex(16)}", f"CIOR_TRACCAR_SECRET={secrets.token_hex(24)}"]


def files() -> dict[str, str]:
    """Name to content of what services read as files, with new secrets."""
    names = [
        "grafana_admin_password",
        "grafana_secret_key",
        "register_owner_password",
        "register_password",
        "register_deleter_password",
        "register_evidence_password",
        OPENING,
    ]
    names += [f"{user}.password" for user in BUS]
    return {name: secrets.token_hex(24) for name in names}


def write_files(folder: Path) -> None:
    """Those that are not there yet."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in files().items():
        if not (folder / name).exists():
            (folder / name).write_text(content, encoding="utf-8")
            (folder / name).chmod(0o444)


def main(arguments: list[str]) -> int:
    """0 written, 2 there is one already."""
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / ".env"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        print(f"{path.name} is there already; it is left as it is", file=sys.stderr)
        return 2
    write_files(path.parent / "secrets")
    opening = (path.parent / "secrets" / OPENING).read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines(opening)) + "\n")
    print(f"{path.name} and secrets/ written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
