"""A wrong line in a configuration file is named: file, line, code, cure."""

from __future__ import annotations

import msgspec
import pytest

from cior_core.strict_toml import ConfigFault, locate, parse


class Door(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    port: int = 0


class House(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    street: str
    door: tuple[Door, ...] = ()


GOOD = '# a house\nstreet = "Pellegrini"\n\n[[door]]\nname = "front"\n\n[[door]]\nname = "back"\nport = 7\n'


def test_a_sound_file_is_read() -> None:
    assert parse(GOOD, House, file="h.toml").door[1] == Door(name="back", port=7)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (GOOD.replace("street", "stret"), "config.unknown_key", 2),
        (GOOD.replace("port = 7", "prt = 7"), "config.unknown_key", 9),
        (GOOD.replace("port = 7", 'port = "seven"'), "config.wrong_value", 9),
        (GOOD.replace('name = "back"\n', ""), "config.missing_key", 7),
        (GOOD.replace('street = "Pellegrini"\n', ""), "config.missing_key", 0),
        (GOOD.replace("port = 7", "port = = 7"), "config.syntax", 9),
        ("street = 'x", "config.syntax", 1),
    ],
)
def test_each_fault_names_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigFault) as caught:
        parse(text, House, file="h.toml")
    assert (caught.value.code, caught.value.line) == (code, line)
    assert caught.value.cure
    assert str(caught.value).startswith(f"{code}: h.toml:{line}: ")


def test_the_nearest_parent_is_named_when_the_key_is_not_written() -> None:
    assert locate(GOOD, ("door", 1, "nowhere")) == 7
