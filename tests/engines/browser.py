"""Debian's Chromium, headless, driven by selenium; it reaches nothing but loopback."""

from __future__ import annotations

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
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--window-size=1600,900",
)


def open_browser(chromium: Path, chromedriver: Path, profile: Path, *more: str) -> Chrome:
    """A new browser with an empty profile and ``more`` flags. Naming the driver keeps selenium from looking for one."""
    options = ChromeOptions()
    options.binary_location = str(chromium)
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=Service(str(chromedriver)))
