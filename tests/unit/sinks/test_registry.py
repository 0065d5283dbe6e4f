# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""From settings to sinks: typed settings, places of errors, where classes are looked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field

from pytest_curator_bench.config.model import SinkConfig
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.sinks import Sink, SinkConfigError, SinkSettings
from pytest_curator_bench.sinks.registry import BUILT_IN, create_sinks
from tests.support.config import MINIMAL, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Nested(SinkSettings):
    """Settings within settings."""

    name: str = ""
    channel: str


class Settings(SinkSettings):
    """Settings of every kind."""

    count: int = 1
    flag: bool = False
    token: str = Field(description="Who we are.")
    more: tuple[Nested, ...] = ()
    renamed: str = Field("", alias="class_")


class Typed(Sink):
    """A sink with typed settings."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.settings = Settings.read(config)

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Take it."""


class Incomplete(Sink):
    """No sink yet."""


def sinks_of(tmp_path: Path, text: str, **env: str) -> list[Sink]:
    """The sinks of a config."""
    config = load(tmp_path, MINIMAL + text, env=env)
    return create_sinks(
        config.sinks, registered={"typed": Typed, "incomplete": Incomplete}, display=lambda file: file.name
    )


def test_typed_settings(tmp_path: Path) -> None:
    """What stands in the file arrives typed; text from the environment becomes the number or flag that it spells."""
    text = "sinks: [{name: typed, token: '${T}', count: '${N}', flag: '${F}', more: [{channel: '#a'}]}]\n"
    (sink,) = sinks_of(tmp_path, text, T="planted-secret", N="7", F="true")
    assert isinstance(sink, Typed)
    settings = sink.settings
    assert (settings.token, settings.count, settings.flag, settings.more[0].channel) == (
        "planted-secret",
        7,
        True,
        "#a",
    )
    assert sink.name == settings.name == "typed"
    assert "planted" not in repr(settings) + str(settings)


def test_every_problem_with_its_place(tmp_path: Path) -> None:
    """All at once, in the order of the file, by file, line and key; values, which may be secrets, are not shown."""
    text = (
        "sinks:\n- name: typed\n  tokn: planted-secret\n  count: planted-secret\n  more:\n  - channel: 3\n"
        "- name: incomplete\n- {name: typd}\n- {name: -x}\n"
    )
    with pytest.raises(ConfigError) as caught:
        sinks_of(tmp_path, text)
    starts = [
        "a.yaml:6: sinks[typed].token: found nothing, expected this key: Who we are.",
        "a.yaml:7: sinks[typed].tokn: found the unknown key 'tokn'; did you mean 'token'? Expected one of class_, ",
        "a.yaml:8: sinks[typed].count: found text: Input should be a valid integer",
        "a.yaml:10: sinks[typed].more[#1].channel: found a number: Input should be a valid string",
        "a.yaml:11: sinks[incomplete].name: what the hook pytest_bench_sinks gives for it is abstract: missing",
        "a.yaml:12: sinks[typd].name: found the unknown sink 'typd'",
        "a.yaml:13: sinks[-x].name: expected at most 100 letters, digits, ",
    ]
    for problem, start in zip(caught.value.problems, starts, strict=True):
        assert problem.startswith(start)
    assert "planted" not in str(caught.value)


def test_settings_that_come_from_no_file() -> None:
    """Their problems have no line, but still the key."""
    with pytest.raises(ConfigError) as caught:
        create_sinks([SinkConfig(name="typed", settings={})], registered={"typed": Typed})
    assert str(caught.value).startswith("sinks[typed].token: found nothing")


def test_modules_beside_the_config(tmp_path: Path) -> None:
    """They are found there, but never in place of what is installed, nor later; import errors are reported."""
    path = [*sys.path]
    (tmp_path / "json.py").write_text("raise SystemError\n")
    (tmp_path / "sinks_beside.py").write_text(
        "import json\nfrom tests.unit.sinks.test_registry import Typed\nclass Mine(Typed):\n    codec = json.dumps\n"
    )
    (tmp_path / "sinks_broken.py").write_text("1 / 0\n")
    settings = {"token": "x"}
    good = SinkConfig(name="a", class_path="sinks_beside:Mine", settings=settings)
    (sink,) = create_sinks([good], module_dirs=[tmp_path])
    assert (type(sink).__name__, sink.name) == ("Mine", "a")
    broken = SinkConfig(name="b", class_path="sinks_broken:Mine", settings=settings)
    with pytest.raises(ConfigError, match=r"^sinks\[b\]\.class: the module sinks_broken can't be imported: Zero"):
        create_sinks([broken], module_dirs=[tmp_path])
    assert sys.path == path


def test_problems_of_several_keys() -> None:
    """One error can name many."""
    error = SinkConfigError("a", "is wrong", ("", "is wrong as a whole"))
    assert error.problems == (("a", "is wrong"), ("", "is wrong as a whole"))
    assert str(error) == "a: is wrong; is wrong as a whole"


@pytest.mark.parametrize("name", ["csv", "jsonl", "webhook"])
def test_built_in_sinks_are_there(name: str) -> None:
    """Their names lead to classes that refuse what they don't know."""
    assert name in BUILT_IN
    with pytest.raises(ConfigError, match="found the unknown key 'no_such_key'"):
        create_sinks([SinkConfig(name=name, settings={"no_such_key": 1})])
