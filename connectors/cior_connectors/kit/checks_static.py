"""Checks of a connector's papers: manifest, configuration, secrets, samples, README, quality file."""

from __future__ import annotations

import importlib.util
from contextlib import suppress

import msgspec

from cior_connectors._runtime.settings import read_config
from cior_connectors.contract import Commandable, Discoverable, Heartbeating, Mode, Replayable, Secret
from cior_connectors.kit import documents
from cior_connectors.kit.quality import Status, rules
from cior_connectors.kit.subject import CheckFailed, Subject
from cior_core.errors import CiorError, ConfigInvalid
from cior_core.model import TypeCode
from cior_core.strict_toml import ConfigFault

UNKNOWN_KEY = "surely_unknown_key"


def manifest_valid(subject: Subject) -> None:
    """The manifest loads, and its words are filled."""
    manifest = subject.kind.manifest
    for name in ("owner", "title", "protocol"):
        if len(getattr(manifest, name)) < 5:
            raise CheckFailed(f"manifest.toml: {name} says nothing")
    if manifest.name != subject.package.rsplit(".", 1)[-1]:
        raise CheckFailed("manifest.toml: name is not the folder's")
    if manifest.mode is not Mode.POLL and manifest.acknowledges and subject.peer is None:
        raise CheckFailed(
            "acknowledges = true needs a peer in the test file, or nobody has seen it acknowledge"
        )


def config_examples(subject: Subject) -> None:
    """``config.example.toml`` loads and names only types that exist; ``config.invalid.toml`` is refused."""
    config = subject.config
    for code in _types_of(subject, config):
        try:
            subject.taxonomy[TypeCode(code)]
        except KeyError:
            raise CheckFailed(
                f"config.example.toml can produce {code!r}, which the taxonomy does not have"
            ) from None
    try:
        read_config(
            subject.kind.text("config.invalid.toml"), subject.kind.config_model, file="config.invalid.toml"
        )
    except ConfigInvalid:
        return
    raise CheckFailed("config.invalid.toml is accepted")


def _types_of(subject: Subject, config: object) -> tuple[str, ...]:
    module = importlib.import_module(
        f"{subject.package}.{subject.kind.manifest.config.partition(':')[0]}".rstrip(".")
    )
    named: tuple[str, ...] = getattr(module, "types_of", lambda _config: ())(config)
    return named


def unknown_key_refused(subject: Subject) -> None:
    """A misspelt key is refused with its line, a code and a cure."""
    text = f"{UNKNOWN_KEY} = 1\n" + subject.kind.text("config.example.toml")
    try:
        read_config(text, subject.kind.config_model, file="config.example.toml")
    except ConfigFault as fault:
        if (
            (fault.code, fault.line) != ("config.unknown_key", 1)
            or not fault.cure
            or UNKNOWN_KEY not in fault.sentence
        ):
            raise CheckFailed(f"the fault does not name key, line and cure: {fault}") from fault
        return
    raise CheckFailed("an unknown key is accepted")


def secrets_hidden(subject: Subject) -> None:
    """No secret shows in repr, str, JSON or an error; and what is called a secret is typed as one."""
    for each in msgspec.structs.fields(subject.kind.config_model):
        suspicious = (
            any(word in each.name for word in ("secret", "token", "password", "private"))
            and "header" not in each.name
        )
        if suspicious and "Secret" not in str(each.type):
            raise CheckFailed(f"config field {each.name!r} sounds like a secret and is not typed Secret")
    config = subject.config
    hidden = [
        value.reveal()
        for name in config.__struct_fields__
        if isinstance(value := getattr(config, name), Secret)
    ]
    shown = [repr(config), str(config), f"{config}", repr(subject.source(config))]
    with suppress(TypeError, NotImplementedError):
        shown.append(msgspec.json.encode(config).decode())
    broken = subject.kind.text("config.example.toml") + f"\n[{UNKNOWN_KEY}]\n"
    with suppress(ConfigInvalid):
        read_config(broken, subject.kind.config_model, file="x")
    try:
        read_config(broken, subject.kind.config_model, file="x")
    except CiorError as error:
        shown.append(str(error))
    for secret in hidden:
        if any(secret in text for text in shown):
            raise CheckFailed("a secret shows in repr, str, JSON or an error")


def samples_have_provenance(subject: Subject) -> None:
    """Three samples at least, each with words about its origin, each with a golden."""
    if len(subject.samples) < 3:
        raise CheckFailed(f"{len(subject.samples)} samples; three at least")
    for sample in subject.samples:
        told = sample.provenance
        if min(len(told.source), len(told.device), len(told.date), len(told.anonymised_by)) < 4:
            raise CheckFailed(f"samples/{sample.name}: provenance is empty")
        if sample.expected is None:
            raise CheckFailed(
                f"samples/{sample.name}: no expected.json (write it with `cior connector check --write-golden`, "
                "then read it)"
            )


def readme_fresh(subject: Subject) -> None:
    """The README has the generated configuration table and quality badge; one file has a docstring of some words."""
    if subject.kind.papers is not None:
        words = len((importlib.import_module(subject.package).__doc__ or "").split())
        if words < 10:
            raise CheckFailed(
                "the file's docstring is its README: say what speaks to it and what each answer means"
            )
        return
    text = subject.kind.text("README.md")
    if documents.refreshed(text, subject.kind) != text:
        raise CheckFailed("README.md is stale: run `cior connector check --write-readme`")


def capabilities(subject: Subject) -> None:
    """What the manifest promises is there, and nothing is there unpromised."""
    source, manifest = subject.source(), subject.kind.manifest
    pairs = (
        ("replays", manifest.replays, isinstance(source, Replayable)),
        ("commands", manifest.commands, isinstance(source, Commandable)),
        ("discovers", manifest.discovers, isinstance(source, Discoverable)),
        ("heartbeats", manifest.heartbeats, isinstance(source, Heartbeating)),
    )
    for name, promised, there in pairs:
        if promised != there:
            raise CheckFailed(f"manifest says {name} = {str(promised).lower()}, the source says otherwise")
    if isinstance(source, Heartbeating) and manifest.heartbeats:
        subjects = {event.subject for sample in subject.samples for event in subject.events(sample)}
        if subjects and not any((source.expected_every_s(each) or 0) > 0 for each in subjects):
            raise CheckFailed("heartbeats = true, and no sample's device is expected to speak")
    if manifest.acknowledges and subject.peer is None:
        raise CheckFailed("acknowledges = true, and no peer exercises it")


def quality_file(subject: Subject) -> None:
    """Every claim is about a rule that exists; human rules that are done say where to look; exemptions from law rules
    are refused.
    """
    known = {rule.id: rule for rule in rules()}
    for rule_id, claim in subject.kind.quality.rules.items():
        rule = known.get(rule_id)
        if rule is None:
            raise CheckFailed(f"{subject.kind.manifest.quality}: no rule is called {rule_id!r}")
        if claim.status is Status.DONE and not rule.check and len(claim.proof) < 10:
            raise CheckFailed(
                f"{subject.kind.manifest.quality}: {rule_id} is a reviewer's rule and names no proof"
            )
        if claim.status is Status.EXEMPT and subject.kind.manifest.life_safety and rule_id in NEVER_EXEMPT:
            raise CheckFailed(
                f"{subject.kind.manifest.quality}: a life-safety connector cannot be exempt from {rule_id}"
            )


NEVER_EXEMPT = frozenset(
    {
        "ack-after-durable",
        "no-filter",
        "no-position",
        "sealed",
        "undecodable-kept",
        "two-presses-two-ids",
        "refusal-outcome",
    }
)
