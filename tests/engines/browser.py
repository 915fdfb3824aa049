"""Debian's Chromium, headless, driven by selenium; it reaches nothing but loopback."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests run as root in CI
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,900",
)
_NOTHING_ELSE = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


def open_browser(
    chromium: Path,
    chromedriver: Path,
    profile: Path,
    *more: str,
    hosts: Sequence[str] = (),
    home: Path | None = None,
) -> Chrome:
    """A new browser with an empty profile and ``more`` flags. Naming the driver keeps selenium from looking for one.

    ``hosts``: names that are this machine; ``home``: whose authorities it trusts (``nss_trust``).
    """
    options = ChromeOptions()
    options.binary_location = str(chromium)
    named = ", ".join((*(f"MAP {host} 127.0.0.1" for host in hosts), _NOTHING_ELSE))
    for flag in (*FLAGS, *more, f"--host-resolver-rules={named}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    env = os.environ | ({"HOME": str(home)} if home is not None else {})
    return Chrome(options=options, service=Service(str(chromedriver), env=env))
