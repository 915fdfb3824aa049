"""docker-compose.yml without Docker: its commands parse, its files are read by CIOR's own readers, its secrets are
all made by make_env.py.
"""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from cior import cli
from cior_bus.centre import load
from cior_bus.commands.bus import families_of
from cior_bus.credentials import password_file
from cior_bus.key_shares import SHARES
from cior_bus.rights import users
from cior_city.city_of_centre import load_cameras, load_city
from cior_connectors._runtime import process
from cior_connectors._runtime.settings import read_registry
from cior_console.footage_masks import masks_now
from cior_core import strict_toml
from cior_evidence.seal_settings import SealFile
from cior_grafana import checking
from cior_recorder.settings import load_settings as recorder_settings
from cior_register.dsn import RegisterDsn
from cior_register.roles import DELETER_ROLE, EVIDENCE_ROLE, SERVICE_ROLE
from cior_vision.settings import load_settings

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
CONFIG = ROOT / "deploy" / "compose" / "centre"
MAKE_ENV = ROOT / "deploy" / "compose" / "make_env.py"
EVERY_COMMAND = [json.loads(found) for found in re.findall(r"^    command: (\[.*\])$", TEXT, re.MULTILINE)]
COMMANDS = [command for command in EVERY_COMMAND if command[0] == "run"]
SERVICES, SECRETS = (yaml.safe_load(TEXT)[key] for key in ("services", "secrets"))
BROKER = "kafkas://kafka:19092"
LANGUAGE = "${CIOR_GRAFANA_LANGUAGE:-es}"


def _environment(folder: Path) -> dict[str, str]:
    made = subprocess.run(
        [sys.executable, str(MAKE_ENV), str(folder / "env")], check=False, capture_output=True
    )
    assert made.returncode == 0
    lines = (folder / "env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_the_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    first = _environment(tmp_path)
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    again = subprocess.run(
        [sys.executable, str(MAKE_ENV), str(tmp_path / "env")], check=False, capture_output=True
    )
    assert again.returncode == 2
    lines = (tmp_path / "env").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("=", 1) for line in lines if not line.startswith("#")) == first
    assert len(set(first.values())) == len(first)


def test_every_required_variable_is_made(tmp_path: Path) -> None:
    wanted = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    assert len(wanted) >= 17
    assert wanted <= set(_environment(tmp_path))


def test_every_secret_is_a_file_that_is_made_once_in_a_folder_closed_to_others(tmp_path: Path) -> None:
    """Compose refuses secrets from the environment where a container's root is read-only, as all of ours are."""
    _environment(tmp_path)
    made = tmp_path / "secrets"
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {f"./secrets/{path.name}" for path in made.iterdir()} == {
        each["file"] for each in SECRETS.values()
    }
    contents = [path.read_text(encoding="utf-8") for path in made.iterdir()]
    assert len(set(contents)) == len(contents)
    assert all(len(each) >= 48 for each in contents)


def test_the_broker_has_a_user_for_each_part_of_the_centre_and_a_password_for_each_user(
    tmp_path: Path,
) -> None:
    names = {user.name for user in users(families_of(CONFIG / "centre.toml"))}
    _environment(tmp_path)
    files = {path.name for path in (tmp_path / "secrets").glob("*.password")}
    assert files == {password_file(name) for name in names}
    given = {each["target"] for each in SERVICES["prepare"]["secrets"]}
    assert given == files, "who makes the users must know their passwords"


USER_OF = {
    "sink": "sink", "console": "console", "streams-urgent": "streams-urgent", "streams-bulk": "streams-bulk",
    "panels": "connectors-dc09", "vehicles": "connectors-traccar", "calls": "connectors-cad_drop", "cameras": "vision",
    "recorder": "recorder", "phones": "connectors-notify",
}  # fmt: skip
OFF_THE_BUS = {"evidence"}
"""Parts that talk to no broker and have no password for one."""
SHARE_OF = {
    "sink": "sink", "console": "console", "streams-urgent": "streams", "streams-bulk": "streams",
    "panels": "connectors", "vehicles": "connectors", "calls": "connectors", "cameras": None,
    "recorder": None, "phones": "phones",
}  # fmt: skip


def _mounts(service: str) -> dict[str, str]:
    """Place in the container to volume or file."""
    listed = [each.removesuffix(":ro").rsplit(":", 1) for each in SERVICES[service].get("volumes", ())]
    return {place: source for source, place in listed}


MORE_SECRETS = {
    "console": ["store_opening_password", "register_password"],
    "sink": ["register_deleter_password"],
    "recorder": ["register_deleter_password"],
    "evidence": ["register_evidence_password"],
}
"""Files beside a part's password for the broker: of the store's user for sealed openings, and of the register."""


def test_each_part_is_given_its_own_secrets_and_no_others() -> None:
    parts = {name for name, service in SERVICES.items() if service.get("command", ["", ""])[0] == "run"}
    assert parts == set(USER_OF) | OFF_THE_BUS
    for name in OFF_THE_BUS:
        assert [each["target"] for each in SERVICES[name]["secrets"]] == MORE_SECRETS[name]
        assert not any(each.startswith(("keys", "bus-")) for each in _mounts(name).values()), name
        assert not any(each.startswith("CIOR_BUS") for each in SERVICES[name]["environment"]), name
    for name, user in USER_OF.items():
        service = SERVICES[name]
        given, *more = service["secrets"]
        assert [each["target"] for each in more] == MORE_SECRETS.get(name, []), name
        assert SECRETS[given["source"]]["file"] == f"./secrets/{user}.password"
        assert given["target"] == f"{user}.password"
        keys = {
            place: source for place, source in _mounts(name).items() if source.startswith(("keys", "bus-"))
        }
        wanted = {"/run/bus-ca": "bus-ca"}
        if SHARE_OF[name] is not None:
            wanted["/var/lib/cior/keys"] = f"keys-{SHARE_OF[name]}"
        assert keys == wanted, name


def test_all_keys_and_the_administrators_are_where_nothing_listens() -> None:
    holders = {
        volume: {name for name in SERVICES if volume in _mounts(name).values()}
        for volume in ("keys", "bus-admin", "bus-broker")
    }
    assert holders == {
        "keys": {"prepare"},
        "bus-admin": {"certificates", "prepare"},
        "bus-broker": {"certificates", "kafka"},
    }
    for name in ("prepare", "certificates"):
        assert SERVICES[name]["restart"] == "no"
        assert "ports" not in SERVICES[name]
    assert SERVICES["certificates"]["network_mode"] == "none"
    assert set(SHARES) == {share for share in SHARE_OF.values() if share}


def test_nobody_talks_to_the_broker_without_a_key() -> None:
    asked = SERVICES["kafka"]["environment"]
    protocols = dict(each.split(":") for each in asked["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    listeners = {each.split(":", 1)[0] for each in asked["KAFKA_LISTENERS"].split(",")}
    assert set(protocols) == listeners
    assert all(protocol in {"SASL_SSL", "SSL"} for protocol in protocols.values())
    for name, protocol in protocols.items():
        if protocol == "SSL":
            assert asked[f"KAFKA_LISTENER_NAME_{name}_SSL_CLIENT_AUTH"] == "required", name
    assert asked["KAFKA_AUTHORIZER_CLASS_NAME"].endswith(".StandardAuthorizer")
    assert asked["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == "false"
    assert "ANONYMOUS" not in asked["KAFKA_SUPER_USERS"]
    assert "kafka://kafka" not in TEXT.replace("kafkas://kafka", "")
    words = json.dumps(
        [[service.get(key) for key in ("command", "entrypoint")] for service in SERVICES.values()]
    )
    assert "password=" not in words.lower()


def test_clickhouse_gets_a_digest_for_each_deployed_user() -> None:
    users = (ROOT / "deploy" / "clickhouse" / "users.d" / "cior.xml").read_text(encoding="utf-8")
    assert set(re.findall(r'from_env="(\w+)"', users)) == set(
        re.findall(r"^      (CIOR_CLICKHOUSE_\w+_SHA256):", TEXT, re.MULTILINE)
    )


@pytest.mark.parametrize(
    "command", COMMANDS, ids=lambda each: "-".join(each[:2] + each[-1:]).replace("/", ".")
)
def test_every_command_is_one_that_cior_knows(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIOR_STORE", "clickhouse://from-the-environment")
    context = cli.main.make_context("cior", list(command))
    name, group, rest = cli.main.resolve_command(context, command)
    assert name == "run"
    assert isinstance(group, click.Group)
    inner = group.make_context("run", rest, parent=context)
    _, part, arguments = group.resolve_command(inner, rest)
    assert part is not None
    given = part.make_context(part.name, arguments, parent=inner).params
    assert given["bus"] == "kafkas://none" if command[1] in OFF_THE_BUS else given["bus"].startswith(BROKER)
    assert given["store"] == "clickhouse://none" or "--store" not in command, "a password is no argument"
    for value in [given.get("settings_file"), given["config_file"], *(given.get("files") or ())]:
        assert value is None or (CONFIG / Path(value).name).is_file()


def test_the_register_is_migrated_by_its_owner_before_the_console_signs_in_as_less() -> None:
    words, server, console = SERVICES["register"]["command"], SERVICES["postgresql"], SERVICES["console"]
    context = cli.main.make_context("cior", list(words))
    _, group, rest = cli.main.resolve_command(context, words)
    assert isinstance(group, click.Group)
    inner = group.make_context("register", rest, parent=context)
    name, command, arguments = group.resolve_command(inner, rest)
    assert (name, command is not None) == ("migrate", True)
    assert "--service-password" in arguments
    owner = RegisterDsn.parse(SERVICES["register"]["environment"]["CIOR_REGISTER_OWNER"])
    assert (owner.user, owner.database, owner.password) == (
        server["environment"]["POSTGRES_USER"], server["environment"]["POSTGRES_DB"], "",
    )  # fmt: skip
    service = RegisterDsn.parse(load(CONFIG / "centre.toml").file.register.dsn)
    assert (service.user, service.host, service.database) == (SERVICE_ROLE, owner.host, owner.database)
    assert owner.host == "postgresql"
    assert console["depends_on"]["register"] == {"condition": "service_completed_successfully"}
    assert "edge" not in server["networks"]
    assert "ports" not in server
    holders = {
        name for name, each in SERVICES.items() if "register_owner_password" in each.get("secrets", ())
    }
    assert holders == {"postgresql", "register"}, "the console never has the owner's password"
    assert console["environment"]["CIOR_REGISTER_PASSWORD_FILE"] == "/run/secrets/register_password"


def test_law_7_all_that_delete_by_age_ask_the_centres_register_as_who_may_only_claim() -> None:
    centre = RegisterDsn.parse(load(CONFIG / "centre.toml").file.register.dsn)
    for name in ("sink", "recorder"):
        told = SERVICES[name]["environment"]
        asked = RegisterDsn.parse(told["CIOR_REGISTER"])
        assert (asked.user, asked.password) == (DELETER_ROLE, ""), name
        assert (asked.host, asked.port, asked.database) == (centre.host, centre.port, centre.database), name
        assert told["CIOR_REGISTER_PASSWORD_FILE"] == "/run/secrets/register_deleter_password", name
        assert "data" in SERVICES[name]["networks"], "where the server is"
        assert SERVICES[name]["depends_on"]["register"] == {"condition": "service_completed_successfully"}
    words = SERVICES["register"]["command"]
    assert words[words.index("--deleter-password") + 1] == "/run/secrets/register_deleter_password"
    assert "register_deleter_password" in SERVICES["register"]["secrets"]


def test_law_9_who_builds_packages_reads_footage_and_shows_its_key_to_nobody() -> None:
    evidence, recorder, console = (SERVICES[name] for name in ("evidence", "recorder", "console"))
    centre = load(CONFIG / "centre.toml")
    owner = RegisterDsn.parse(centre.file.register.dsn)
    asked = RegisterDsn.parse(evidence["environment"]["CIOR_REGISTER"])
    assert (asked.user, asked.password) == (EVIDENCE_ROLE, "")
    assert (asked.host, asked.port, asked.database) == (owner.host, owner.port, owner.database)
    words = SERVICES["register"]["command"]
    assert words[words.index("--evidence-password") + 1] == "/run/secrets/register_evidence_password"
    assert "clickhouse://cior_evidence:" in evidence["environment"]["CIOR_STORE"]
    folders = {name: set(SERVICES[name].get("volumes", ())) for name in SERVICES}
    keys = {name for name, each in folders.items() if any("CIOR_SEAL_KEY_FOLDER" in one for one in each)}
    assert keys == {"evidence"}, "the key of the seal is where nobody signs in"
    writers = {
        name
        for name, each in folders.items()
        for one in each
        if one.startswith("packages:") and one[-3:] != ":ro"
    }
    assert writers == {"evidence"}
    for service in (evidence, console):
        assert "footage:/srv/footage:ro" in service["volumes"]
    section, place = centre.file.evidence, _mounts("recorder")
    assert section is not None
    read = recorder_settings(CONFIG / "recorder.toml", load_cameras(centre, load_city(centre)))
    ring = read.ring(Path("/var/lib/cior"))
    volume = max((each for each in place if ring.is_relative_to(each)), key=len)
    assert place[volume] == "footage" == _mounts("evidence")["/srv/footage"]
    assert section.rings == (str(Path("/srv/footage") / ring.relative_to(volume)),), "the recorder's own ring"
    assert evidence["networks"] == ["data", "edge"]
    assert "ports" not in evidence
    assert recorder["command"][2] == "/etc/cior/recorder.toml"


def test_the_guides_seal_file_is_one_and_names_what_the_service_mounts() -> None:
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```toml\n# seal/sello.toml\n(.*?)```", guide, re.DOTALL)
    said = strict_toml.parse(written, SealFile, file="sello.toml")
    centre = load(CONFIG / "centre.toml").file.evidence
    assert centre is not None
    mounted = _mounts("evidence")
    assert str(Path(centre.seal).parent) in mounted
    assert str(Path(said.key).parent) in mounted
    assert str(Path(said.key).parent) not in _mounts("console")


def test_the_other_command_asks_the_grafana_beside_it_in_its_language() -> None:
    (asked,) = [command for command in EVERY_COMMAND if command[0] == "grafana"]
    assert asked[-1] == SERVICES["grafana"]["environment"]["CIOR_GRAFANA_LANGUAGE"] == LANGUAGE
    words = [*asked[:-1], "en"]
    context = cli.main.make_context("cior", list(words))
    _, group, rest = cli.main.resolve_command(context, words)
    assert isinstance(group, click.Group)
    inner = group.make_context("grafana", rest, parent=context)
    name, check, arguments = group.resolve_command(inner, rest)
    assert check is not None
    given = check.make_context("check", arguments, parent=inner).params
    assert (name, given["url"], given["language"]) == ("check", "http://grafana:3000", "en")
    assert SERVICES["verify"]["profiles"] == ["verify"]
    assert SERVICES["verify"]["restart"] == "no"


def test_the_certificates_are_made_by_a_command_that_cior_knows() -> None:
    words = SERVICES["certificates"]["command"]
    context = cli.main.make_context("cior", list(words))
    _, group, rest = cli.main.resolve_command(context, words)
    assert isinstance(group, click.Group)
    inner = group.make_context("bus", rest, parent=context)
    name, keys, arguments = group.resolve_command(inner, rest)
    assert keys is not None
    given = keys.make_context("keys", arguments, parent=inner).params
    assert (name, given["hosts"], given["config"]) == ("keys", ("kafka",), None)


def test_every_part_of_a_centre_has_a_service() -> None:
    centre = load(CONFIG / "centre.toml")
    kinds = {
        tomllib.loads(centre.beside(each.file).read_text(encoding="utf-8"))["kind"]
        for each in centre.file.connector
    }
    started = [" ".join(command) for command in COMMANDS]
    assert len(kinds) == 4
    assert all(any(f"--family {kind} " in command for command in started) for kind in kinds)
    assert sum("run streams --role urgent" in command for command in started) == 1
    assert sum("run streams --role bulk" in command for command in started) == 1
    assert sum("run sink " in command for command in started) == 1
    assert sum("run console " in command for command in started) == 1
    assert sum("run evidence " in command for command in started) == (centre.file.evidence is not None)


def test_the_example_files_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    centre = load(CONFIG / "centre.toml")
    assert not centre.file.centre.test_mode
    plans = [process.plan(centre.beside(each.file), test_mode=False) for each in centre.file.connector]
    process.refuse_conflicts(plans)
    cameras = load_cameras(centre, load_city(centre))
    devices = read_registry(centre.beside(centre.file.registry), cameras)
    assert [device.kind for device in devices.values()].count("camera") == 1
    assert len(devices) == 4
    watched = load_settings(CONFIG / "vision.toml", cameras)
    assert watched.worker.name == "cameras"
    assert list(masks_now(centre).cameras) == [each.id for each in watched.camera], (
        "known where copies are made"
    )
    assert recorder_settings(CONFIG / "recorder.toml", cameras).recorder.keep_days == 30


def test_images_are_pinned_and_nothing_listens_to_the_world_unasked() -> None:
    images = re.findall(r"^ +image: (\S+)", TEXT, re.MULTILINE)
    assert len(images) == 7
    assert all(re.search(r":v?\d+\.\d+", image) for image in images)
    ports = re.findall(r"^      - (\S+:\d+:?\d*(?:/\w+)?)(?: #.*)?$", TEXT, re.MULTILINE)
    open_to_all = [port for port in ports if not port.startswith("127.0.0.1:")]
    assert open_to_all == ["12128:12128/tcp", "12128:12128/udp"]


def test_nobody_enters_grafana_unasked_and_it_asks_nobody_outside() -> None:
    environment = SERVICES["grafana"]["environment"]
    closed = {
        name: environment[name]
        for name in (
            "GF_AUTH_ANONYMOUS_ENABLED", "GF_PUBLIC_DASHBOARDS_ENABLED", "GF_SNAPSHOTS_ENABLED",
            "GF_USERS_ALLOW_SIGN_UP", "GF_USERS_VIEWERS_CAN_EDIT", "GF_PLUGINS_PREINSTALL_AUTO_UPDATE",
            "GF_ANALYTICS_REPORTING_ENABLED", "GF_ANALYTICS_CHECK_FOR_UPDATES",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "GF_NEWS_NEWS_FEED_ENABLED",
            "GF_GEOMAP_ENABLE_CUSTOM_BASELAYERS",
        )
    }  # fmt: skip
    assert set(closed.values()) == {"false"}
    base = json.loads(environment["GF_GEOMAP_DEFAULT_BASELAYER_CONFIG"])
    assert not base["config"]["url"].startswith("http")
    assert environment["GF_PLUGINS_PREINSTALL_SYNC"] == f"{checking.PLUGIN}@{checking.PLUGIN_VERSION}"
    # Disabled plugins are not fetched either; without `prometheus` the second data source would be gone.
    assert "prometheus" not in environment["GF_PLUGINS_DISABLE_PLUGINS"].split(",")
    assert "GF_PLUGINS_PREINSTALL_DISABLED" not in environment, "it would take the ClickHouse plugin away too"


def test_grafanas_own_secrets_are_files_and_what_it_mounts_is_there_and_read_only() -> None:
    grafana = SERVICES["grafana"]
    secrets = grafana["secrets"]
    assert all(SECRETS[name]["file"] == f"./secrets/{name}" for name in secrets)
    for name in ("GF_SECURITY_ADMIN_PASSWORD", "GF_SECURITY_SECRET_KEY"):
        assert name not in grafana["environment"]
        assert Path(grafana["environment"][f"{name}__FILE"]).name in secrets
    mounts = [each for each in grafana["volumes"] if not each.startswith("grafana:")]
    assert len(mounts) == 4
    for each in mounts:
        source = re.sub(r"^\$\{\w+:-(.*?)\}", r"\1", each).split(":")[0]
        assert each.endswith(":ro")
        assert (ROOT / source).exists(), source


def test_prometheus_asks_every_part_at_the_port_that_the_centre_file_says() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    centre = load(CONFIG / "centre.toml").file.metrics
    assert centre.host == "0.0.0.0"
    targets = {target for each in job["static_configs"] for target in each["targets"]}
    targets |= {f"{name}:{each['port']}" for each in job["dns_sd_configs"] for name in each["names"]}
    parts = {name for name, service in SERVICES.items() if service.get("command", ["", ""])[0] == "run"}
    assert targets == {f"{part}:{centre.port}" for part in parts}
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert not any(str(centre.port) in port for port in published)
    assert all("data" in SERVICES[part].get("networks", ["data"]) for part in (*parts, "prometheus"))


def test_docker_compose_accepts_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode
    ):
        pytest.skip(
            "the docker compose plugin is not installed: the file was loaded by hand with compose-go (deploy/README.md)"
        )
    environment = _environment(tmp_path) | {"PATH": str(Path(docker).parent), "HOME": str(tmp_path)}
    made = subprocess.run(
        [docker, "compose", "--profile", "cameras", "--profile", "verify", "config", "--quiet"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (made.returncode, made.stderr) == (0, "")
