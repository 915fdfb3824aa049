"""The data shipped with the core."""

from __future__ import annotations

import pytest

from cior_core import bundled
from cior_core.errors import ConfigInvalid


@pytest.mark.parametrize("name", ["nothing.toml", "../model.py", "", "/etc/hosts", "city", "a//b"])
def test_bundled_text_says_what_is_missing_and_never_leaves_its_folder(name: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"bundled\.missing"):
        bundled.text(name)


def test_bundled_text_is_the_file() -> None:
    assert bundled.text("taxonomy.toml").startswith("# The taxonomy")
    assert '"FeatureCollection"' in bundled.text("city/districts.geojson")
