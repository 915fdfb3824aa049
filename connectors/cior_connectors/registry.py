"""Finds connectors: built-ins by folder, others by the entry point group ``cior.connectors`` (value: their package).

One of two dynamic loads.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

import msgspec

from cior_connectors import builtin
from cior_connectors.contract import ConnectorConfig, Manifest, Source
from cior_connectors.kit.quality import QualityFile, Tier
from cior_connectors.papers import Papers
from cior_core import strict_toml
from cior_core.errors import ConfigInvalid

GROUP = "cior.connectors"
_FAULTS_OF_AUTHORS = (ImportError, SyntaxError, AttributeError, NameError, TypeError, ValueError)
"""What a module raises at import when its author is not done: that connector is broken, no other."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A connector that can be instantiated."""

    package: str
    manifest: Manifest
    config_model: type[ConnectorConfig]
    source_type: Any
    quality: QualityFile
    papers: Papers | None = None

    def source(self, config: ConnectorConfig) -> Source:
        """A source for ``config``. Raises ``ConfigInvalid``."""
        built: Source = self.source_type(config)
        return built

    def text(self, name: str) -> str:
        """A text file of the connector's folder, or what stands for it in a connector of one file.

        Raises ``ConfigInvalid`` when it is not there.
        """
        if self.papers is None:
            return package_text(self.package, name)
        found = {"config.example.toml": self.papers.example, "config.invalid.toml": self.papers.invalid}.get(
            name
        )
        if found is None:
            raise _broken(f"{self.package} is one file and has no {name}")
        return found

    def peer(self) -> Any:
        """What plays the far side, made anew; None when the manifest names nothing. Raises ``ConfigInvalid``."""
        return _attribute(self.package, self.manifest.peer)() if self.manifest.peer else None


def names() -> dict[str, str]:
    """Every known connector: kind name → package. A built-in wins over a stranger of the same name."""
    found = {point.name: point.value for point in entry_points(group=GROUP)}
    prefix = builtin.__name__ + "."
    return found | {
        each.name: prefix + each.name for each in pkgutil.iter_modules(builtin.__path__) if each.ispkg
    }


def load(name: str) -> Kind:
    """The connector of that kind. Raises ``ConfigInvalid`` (``connector.unknown``, ``connector.broken``)."""
    package = names().get(name)
    if package is None:
        raise ConfigInvalid(
            "connector.unknown",
            f"no connector is called {name!r}",
            cure="`cior connector list` shows those that are installed",
        )
    return load_package(package)


def load_package(package: str) -> Kind:
    """The connector in an importable package, or in a module with ``PAPERS``. Raises ``ConfigInvalid``."""
    papers = _papers(package)
    if papers is None:
        manifest = strict_toml.parse(
            package_text(package, "manifest.toml"), Manifest, file=f"{package}/manifest.toml"
        )
        quality, file = package_text(package, manifest.quality), f"{package}/{manifest.quality}"
    else:
        manifest, quality, file = papers.manifest, papers.quality, f"{package}: PAPERS.quality"
    model = _attribute(package, manifest.config)
    if not (isinstance(model, type) and issubclass(model, ConnectorConfig)):
        raise ConfigInvalid(
            "connector.broken",
            f"{package}: {manifest.config} is not a ConnectorConfig",
            cure="derive the model from ConnectorConfig",
        )
    return Kind(
        package=package,
        manifest=manifest,
        config_model=model,
        source_type=_attribute(package, manifest.source),
        quality=strict_toml.parse(quality, QualityFile, file=file),
        papers=papers,
    )


def _papers(package: str) -> Papers | None:
    """``PAPERS`` of a connector that is one file; None for a folder. Raises ``ConfigInvalid``."""
    try:
        module = importlib.import_module(package)
    except _FAULTS_OF_AUTHORS as error:
        raise _broken(f"{package} cannot be imported ({type(error).__name__}: {error})") from error
    found = getattr(module, "PAPERS", None)
    return found if isinstance(found, Papers) else None


def _broken(sentence: str) -> ConfigInvalid:
    return ConfigInvalid(
        "connector.broken", sentence, cure="see connectors/README.md for the files of a connector"
    )


def refuse_below_gold(kind: Kind, *, test_mode: bool) -> None:
    """Life-safety kinds run below gold in test mode only. Raises ``ConfigInvalid`` (``connector.below_gold``)."""
    if kind.manifest.life_safety and not test_mode and kind.quality.tier is not Tier.GOLD:
        missing = ", ".join(kind.quality.missing(Tier.GOLD)[:5])
        raise ConfigInvalid(
            "connector.below_gold",
            f"{kind.manifest.name} carries life-safety signals and is {kind.quality.tier.value}",
            cure=f"finish these rules in {kind.manifest.quality}: {missing}; or set test_mode in a test centre",
        )


def package_text(package: str, name: str) -> str:
    """A text file in a package's folder. Raises ``ConfigInvalid`` (``connector.broken``)."""
    try:
        return files(package).joinpath(name).read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise _broken(f"{package} has no readable {name}") from error


def _attribute(package: str, where: str) -> Any:
    """``module:name`` in the package, ``:name`` in itself, or a whole name of ours (``cior_connectors.…:name``)."""
    module, _, name = where.partition(":")
    ours = module.startswith(f"{__package__}.")
    try:
        return getattr(importlib.import_module(module if ours else f"{package}.{module}".rstrip(".")), name)
    except _FAULTS_OF_AUTHORS as error:
        raise ConfigInvalid(
            "connector.broken",
            f"{package}: cannot load {where} ({type(error).__name__}: {error})",
            cure="correct the manifest, or install what it needs",
        ) from error
