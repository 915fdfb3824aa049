"""``console/web/build_page.py`` as a module: it is a script beside the page's sources, in no package."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from engines.source_tree import ROOT

WEB = ROOT / "console" / "web"


def build_page() -> ModuleType:
    """The script, loaded once."""
    name = "console_build_page"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WEB / "build_page.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
