"""Jars from Maven Central, fetched once into the cache."""

from __future__ import annotations

import subprocess
from pathlib import Path
from string import Template

from engines import cache

_POM = Template("""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>cior</groupId><artifactId>engine-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>$dependencies</dependencies>
</project>
""")
_DEPENDENCY = Template(
    "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
)


def jars(name: str, artifacts: tuple[str, ...], *, timeout_s: float) -> Path:
    """The folder with ``artifacts`` (``group:artifact:version``) and all that they need. Raises ``EngineAbsent``."""
    target = cache.cache_dir() / name
    done = target / ".complete"
    if done.exists():
        return target
    mvn = cache.command("mvn", "maven")
    with cache.only_one(target.name):
        if not done.exists():
            _fetch(mvn, target, artifacts, timeout_s)
            done.touch()
    return target


def _fetch(mvn: str, target: Path, artifacts: tuple[str, ...], timeout_s: float) -> None:
    target.mkdir(exist_ok=True)
    named = (each.split(":") for each in artifacts)
    wanted = "".join(_DEPENDENCY.substitute(group=group, artifact=one, version=v) for group, one, v in named)
    pom = target / "pom.xml"
    pom.write_text(_POM.substitute(dependencies=wanted))
    command = [mvn, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    ran = subprocess.run(
        [*command, "-DincludeScope=runtime"], capture_output=True, text=True, check=False, timeout=timeout_s
    )
    if ran.returncode:
        said = (ran.stdout + ran.stderr)[-600:]
        raise cache.EngineAbsent(f"Maven could not fetch {', '.join(artifacts)}: {said}")
