"""The centre file: one TOML that says what runs here, read once, through ``cior_core.strict_toml``.

``embedded`` as a DSN means the part inside this installation (Tansu broker, chDB); anything else is the address of a
real one. Only DSNs differ between one machine and a centre (design §6).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from cior_core import strict_toml
from cior_core.centre_copies import CopiesSection
from cior_core.people import RoleRule

EMBEDDED = "embedded"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are refused."""


class CentreSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[centre]``: who we are."""

    name: Annotated[str, msgspec.Meta(description="Name shown on the wall", examples=["Rosario"])]
    area: Annotated[str, msgspec.Meta(description="Correlation area of this centre", examples=["city"])] = (
        "city"
    )
    zone: Annotated[
        str, msgspec.Meta(description="IANA time zone of the city", examples=["America/Argentina/Cordoba"])
    ] = "America/Argentina/Cordoba"
    drill: Annotated[
        bool, msgspec.Meta(description="Everything this centre receives is an exercise", examples=[False])
    ] = False
    city: Annotated[
        str,
        msgspec.Meta(
            description="City pack (cior city import) or folder with districts.geojson; empty: the demonstration city",
            examples=["rosario-pack"],
        ),
    ] = ""
    test_mode: Annotated[
        bool,
        msgspec.Meta(
            description="Allow life-safety connectors below gold; never on in a real centre", examples=[False]
        ),
    ] = False
    accounting_every_s: Annotated[
        float,
        msgspec.Meta(
            gt=0, le=60, description="How often connectors state what they accepted", examples=[60.0]
        ),
    ] = 60.0


class FiguresSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[figures]``: what boards reckon with. A cost without its source is refused."""

    response_target_s: Annotated[
        int,
        msgspec.Meta(gt=0, description="From the first signal to somebody on scene, seconds", examples=[420]),
    ] = 420
    officer_hours_per_dispatch: Annotated[
        float, msgspec.Meta(gt=0, description="Officer-hours that one dispatch takes", examples=[0.3333])
    ] = 1 / 3
    officer_hour_cost: Annotated[
        float | None,
        msgspec.Meta(description="Cost of an officer-hour; left out: no money is shown", examples=[9500.0]),
    ] = None
    currency: Annotated[str, msgspec.Meta(description="ISO 4217 code", examples=["ARS"])] = "ARS"
    cost_source: Annotated[
        str, msgspec.Meta(description="Where the cost comes from", examples=["Presupuesto 2026, partida 12"])
    ] = ""
    operators: Annotated[
        int | None, msgspec.Meta(description="Operator positions of the room", examples=[12])
    ] = None


class PopulationSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[population]]``: how many people live in a district or in the whole city, for rates."""

    district: Annotated[
        str, msgspec.Meta(description="A district's id; left out: the whole city", examples=["centro"])
    ] = ""
    people: Annotated[int, msgspec.Meta(gt=0, description="Inhabitants", examples=[250000])]
    year: Annotated[int, msgspec.Meta(ge=1900, le=2100, description="Year of the count", examples=[2022])]
    source: Annotated[
        str, msgspec.Meta(min_length=1, description="Who counted", examples=["INDEC, Censo 2022"])
    ]


class BusSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[bus]``: the broker."""

    dsn: Annotated[
        str,
        msgspec.Meta(
            description="`embedded`, kafka://host:port?profile=kafka, or kafkas:// for a broker with keys",
            examples=["kafkas://kafka:19092?profile=kafka"],
        ),
    ] = EMBEDDED
    spool_max_mib: Annotated[
        int, msgspec.Meta(description="Largest disk spool of each connector process, MiB", examples=[512])
    ] = 256


class StoreSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[store]``: ClickHouse."""

    dsn: Annotated[
        str,
        msgspec.Meta(
            description="`embedded` (chDB), or clickhouse://user@host:8123/ops",
            examples=["clickhouse://cior_writer@clickhouse:8123/ops"],
        ),
    ] = EMBEDDED


class OpenIdSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[console.openid]``: the city's own sign-in (OpenID Connect)."""

    issuer: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^https?://", description="The provider's issuer", examples=["https://id.ciudad.example"]
        ),
    ]
    client_id: Annotated[
        str, msgspec.Meta(min_length=1, description="This console's name there", examples=["cior"])
    ]
    secret_file: Annotated[
        str,
        msgspec.Meta(
            description="File with the client's secret, its owner's alone; empty: by PKCE alone",
            examples=["openid.secret"],
        ),
    ] = ""
    says: Annotated[str, msgspec.Meta(description="What the button says", examples=["Usuario municipal"])] = (
        "OpenID Connect"
    )
    contexts: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Values of `acr` that stand for two factors, besides what `amr` says (RFC 8176)",
            examples=[["urn:ciudad:dos-factores"]],
        ),
    ] = ()
    scopes: Annotated[
        tuple[str, ...], msgspec.Meta(description="Scopes to ask for", examples=[["openid", "profile"]])
    ] = ("openid", "profile", "email")
    login_claim: Annotated[
        str, msgspec.Meta(description="Claim that names the account here", examples=["preferred_username"])
    ] = "preferred_username"
    role: tuple[RoleRule, ...] = ()


class SealedSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[console.sealed]``: with which user of the store the response team's openings read closed boxes, on a server.
    Left out: this console opens none, and says so.
    """

    dsn: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^clickhouses?://",
            description="The store, with the user that may read boxes and nothing else; no password here",
            examples=["clickhouse://cior_opening@clickhouse:8123"],
        ),
    ]
    secret_file: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="File with its password, read at each opening",
            examples=["/run/secrets/store_opening_password"],
        ),
    ]


class RegisterSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[register]``: people, sessions and the ledger."""

    dsn: Annotated[
        str,
        msgspec.Meta(
            description="`embedded` (a file of SQLite in the data folder), or postgresql://user@host:5432/database; "
            "its password is a file that CIOR_REGISTER_PASSWORD_FILE names, or the whole address is in CIOR_REGISTER, "
            "which outranks this",
            examples=["postgresql://cior_register@postgresql:5432/cior"],
        ),
    ] = EMBEDDED


class ConsoleSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[console]``: the wall and the operators' pages."""

    host: Annotated[str, msgspec.Meta(description="Address to listen on", examples=["127.0.0.1"])] = (
        "127.0.0.1"
    )
    port: Annotated[int, msgspec.Meta(description="Port; 0 takes a free one", examples=[8400])] = 0
    names: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Host names that browsers use for it, besides its own address and localhost (a proxy's name)",
            examples=[["muro.ciudad.example"]],
        ),
    ] = ()
    origin: Annotated[
        str,
        msgspec.Meta(
            description="Address in the browsers' bar, without a path; empty: http://localhost:PORT, which signs in"
            " on this machine only",
            examples=["https://muro.ciudad.example:8400"],
        ),
    ] = ""
    certificate: Annotated[
        str,
        msgspec.Meta(
            description="PEM with key and certificates (`cior tls init`), relative to this file; empty: no TLS here",
            examples=["data/tls/server.pem"],
        ),
    ] = ""
    conversions: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=16,
            description="Segments converted at once for browsers that cannot show a camera's format (H.265); each takes"
            " a core while somebody looks, after everything else; 0: none is",
            examples=[2],
        ),
    ] = 1
    openid: OpenIdSection | None = None
    sealed: SealedSection | None = None


class MetricsSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[metrics]``: where each process serves ``/metrics``; the address is in its ready file and its log."""

    host: Annotated[str, msgspec.Meta(description="Address to listen on", examples=["127.0.0.1"])] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            le=65_535,
            description="Port of every process that has no own below (one a container); 0 takes a free one",
            examples=[9400],
        ),
    ] = 0
    ports: Annotated[
        dict[str, Annotated[int, msgspec.Meta(ge=0, le=65_535)]],
        msgspec.Meta(
            description="Ports of parts by name, where several share a machine",
            examples=[{"sink": 9401, "streams-urgent": 9402}],
        ),
    ] = {}

    def port_of(self, part: str) -> int:
        """The port of one part."""
        return self.ports.get(part, self.port)


class ConnectorSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[connector]]``: one instance, described in a file of its own (``kind``, ``name``, ``[config]``)."""

    file: Annotated[
        str,
        msgspec.Meta(description="Its instance file, relative to this one", examples=["paneles-norte.toml"]),
    ]


class VisionSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[vision]]``: one vision worker and its cameras."""

    file: Annotated[
        str,
        msgspec.Meta(description="Its settings file, relative to this one", examples=["camaras-centro.toml"]),
    ]


class RecorderSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[recorder]]``: one recorder and its cameras."""

    file: Annotated[
        str,
        msgspec.Meta(
            description="Its settings file, relative to this one", examples=["grabador-centro.toml"]
        ),
    ]


class ValidatorSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[evidence.camera_validator]]``: who judges videos that cameras sign. Left out for a scheme: such a video is
    said to be signed and not judged.
    """

    command: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^/",
            description="The program, by its whole path; its SHA-256 is written into each package",
            examples=["/opt/cior/onvif-validator"],
        ),
    ]
    rules: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="What its words mean: `onvif` or `axis` (shipped), or a TOML file relative to this one",
            examples=["onvif"],
        ),
    ]
    version: Annotated[
        str,
        msgspec.Meta(description="Its version, as whoever installed it knows it", examples=["25.12.3"]),
    ] = ""
    arguments: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Instead of the rules' own; `{file}` and `{codec}` are put in",
            examples=[["-C", "/etc/cior/onvif-ca.pem", "-c", "{codec}", "{file}"]],
        ),
    ] = ()
    timeout_s: Annotated[
        float,
        msgspec.Meta(
            gt=0, le=3_600, description="A file that takes longer stays not judged, s", examples=[120]
        ),
    ] = 120.0


class EvidenceSection(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[evidence]``: the part that builds and seals what custodians order of judicial requests. Left out: packages are
    built by hand (``cior evidence package``), and pages say so.
    """

    seal: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            description="The seal's file (certificate, key or module, authority of time), relative to this one",
            examples=["sello.toml"],
        ),
    ]
    out: Annotated[
        str,
        msgspec.Meta(
            description="Folder of packages, relative to this file; empty: `evidence/packages` in the data folder",
            examples=["/srv/cior/paquetes"],
        ),
    ] = ""
    part_mib: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="A larger package comes in several ZIPs of about so much, MiB; 0: in one, however large",
            examples=[4000],
        ),
    ] = 4_000
    rings: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="Folders of recorders that run elsewhere, besides those of [[recorder]]",
            examples=[["/srv/cior/footage/norte"]],
        ),
    ] = ()
    detector: Annotated[
        str,
        msgspec.Meta(
            description="File whose [detector] finds persons for redacted copies: a vision worker's, or one of its own,"
            " relative to this one; empty: no redacted copy is made",
            examples=["vision.toml"],
        ),
    ] = ""
    zone: Annotated[
        str,
        msgspec.Meta(
            description="IANA zone of the act's civil times; empty: that of [centre]",
            examples=["America/Argentina/Cordoba"],
        ),
    ] = ""
    camera_validator: Annotated[
        tuple[ValidatorSection, ...],
        msgspec.Meta(description="Who judges videos that cameras sign: see [[evidence.camera_validator]]"),
    ] = ()


class CentreFile(_Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Paths are relative to it."""

    centre: CentreSection
    bus: BusSection = BusSection()
    store: StoreSection = StoreSection()
    register: RegisterSection = RegisterSection()
    console: ConsoleSection = ConsoleSection()
    metrics: MetricsSection = MetricsSection()
    registry: Annotated[str, msgspec.Meta(description="Device registry", examples=["registry.toml"])] = (
        "registry.toml"
    )
    cameras: Annotated[
        str,
        msgspec.Meta(
            description="Camera catalogue (places, view, streams); empty: those of the city pack, without streams",
            examples=["cameras.toml"],
        ),
    ] = ""
    rules: Annotated[
        str, msgspec.Meta(description="Rule pack folder; empty takes the default pack", examples=["rules"])
    ] = ""
    figures: FiguresSection = FiguresSection()
    population: tuple[PopulationSection, ...] = ()
    connector: tuple[ConnectorSection, ...] = ()
    vision: tuple[VisionSection, ...] = ()
    recorder: tuple[RecorderSection, ...] = ()
    copies: CopiesSection | None = None
    evidence: EvidenceSection | None = None


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """A read centre file with its place and its data folder."""

    file: CentreFile
    path: Path
    data: Path

    def beside(self, name: str) -> Path:
        """``name`` relative to the centre file."""
        return self.path.parent / name

    @property
    def store_dsn(self) -> str:
        """Where its store is."""
        dsn = self.file.store.dsn
        return f"chdb://{self.data / 'store'}" if dsn == EMBEDDED else dsn


def parse(text: str, *, file: str) -> CentreFile:
    """The centre file out of its text. Raises ``ConfigInvalid`` with file, line, code and cure."""
    found = strict_toml.parse(text, CentreFile, file=file)
    for code, sentence, place, cure in _faults(found):
        line = strict_toml.locate(text, place)
        raise strict_toml.ConfigFault(code, sentence, file=file, line=line, cure=cure)
    return found


def _faults(file: CentreFile) -> Iterator[tuple[str, str, tuple[str | int, ...], str]]:
    """What types cannot say: code, sentence, where, cure."""
    zones = {"centre": file.centre.zone}
    if file.evidence is not None and file.evidence.zone:
        zones["evidence"] = file.evidence.zone
    for table, zone in zones.items():
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            yield (
                "config.zone",
                f"there is no time zone '{zone}'",
                (table, "zone"),
                "give an IANA name such as America/Argentina/Cordoba",
            )
    if file.figures.officer_hour_cost is not None and not file.figures.cost_source:
        yield (
            "config.cost_source",
            "the cost of an officer-hour has no source",
            ("figures", "officer_hour_cost"),
            "add cost_source, or leave the cost out",
        )
    if file.copies is not None and file.copies.is_plain:
        yield (
            "config.copies_plain",
            "footage would go to the bucket's server in the clear",
            ("copies", "endpoint"),
            "give its https:// address; http:// is for a server on this machine",
        )
    named = [section.district for section in file.population]
    for n, district in enumerate(named):
        if district in named[:n]:
            yield (
                "config.population_twice",
                f"the population of '{district or 'the city'}' is given twice",
                ("population", n, "district"),
                "keep one",
            )
