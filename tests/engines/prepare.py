"""Before the tests: fetch the engines into the cache and say what this machine lacks and which tests that hides.

Never fails: outside CI such tests skip with the same reason, in CI their fixtures fail.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from engines import apache_kafka, cache, clickhouse_lite, mosquitto, postgresql, softhsm, verapdf, versitygw

BROWSER = (("chromium", "chromium"), ("chromedriver", "chromium-driver"))


def lacks(root: Path) -> Iterator[str]:
    """One sentence for each thing that is absent, with its cure and the mark of the tests it hides."""
    try:
        cache.java(apache_kafka.MINIMUM_JAVA)
        apache_kafka.jars(apache_kafka.ApacheKafkaSettings())
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked kafka will skip"
    try:
        clickhouse_lite.library(clickhouse_lite.ClickHouseLiteSettings())
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked clickhouse_lite will skip"
    for command, package in BROWSER:
        if shutil.which(command) is None:
            yield f"'{command}' is not installed (Debian: apt-get install {package}): tests marked browser will skip"
    try:
        mosquitto.program()
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked mosquitto will skip"
    try:
        postgresql.programs()
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked postgresql will skip"
    try:
        softhsm.library()
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked softhsm will skip"
    try:
        verapdf.jars()
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked verapdf will skip"
    try:
        versitygw.program()
    except cache.EngineAbsent as absent:
        yield f"{absent}: tests marked versitygw will skip"
    if not (root.parent / "shared" / "data").is_dir():
        yield "no ../shared/data and tests marked model will skip, unless CIOR_TEST_DATA names such a folder"


def main() -> None:
    """Print to standard error, which is where a person looks for what is missing."""
    for sentence in lacks(Path(__file__).resolve().parents[2]):
        sys.stderr.write(f"This machine lacks something the tests can use: {sentence}.\n")


if __name__ == "__main__":
    main()
