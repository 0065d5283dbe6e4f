# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a replay has the settings of its sinks from: config files, or what the session recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_curator_bench.cli.preview import PreviewError, preview_slack
from pytest_curator_bench.config.problems import ConfigError
from pytest_curator_bench.delivery.replay import ReplayError, ReplayOptions, replay
from pytest_curator_bench.delivery.replay_settings import from_config_files, from_session
from tests.support.config import MINIMAL, write_files

BOMB = "\n".join(f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "x0: &a0 [lol]" for n in range(40))


@pytest.mark.parametrize(
    "content",
    ["[" * 200_000, "a: {" * 200_000, BOMB, f"a: {'9' * 5000}", "sinks: 5", "sinks: [5]", "sinks: [{a: 1}]", "", "\0"],
    ids=["lists", "mappings", "aliases", "digits", "number", "item", "nameless", "empty", "nul"],
)
def test_a_config_that_cant_be_read_is_one_sentence(tmp_path: Path, content: str) -> None:
    """Nothing in it takes a replay more than a moment, or breaks it."""
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ConfigError, match=r"can't be read .*: give the config files with --config FILE"):
        from_session(tmp_path)


def test_paths_that_are_too_long_are_not_found() -> None:
    """A file's or a session's."""
    path = Path("x" * 5000)
    with pytest.raises(ConfigError, match="config file not found"):
        from_config_files((path,), {})
    with pytest.raises(ReplayError, match="no session at"):
        replay(ReplayOptions(session=path), {}, print)
    with pytest.raises(PreviewError, match="no session at"):
        preview_slack(path)


def test_dates_are_text(tmp_path: Path) -> None:
    """One that is none in the calendar, too."""
    (tmp_path / "config.yaml").write_text("sinks: [{name: jsonl, path: 2024-13-45}]")
    (sink,) = from_session(tmp_path).sinks
    assert sink.settings == {"path": "2024-13-45"}


def test_what_did_not_stop_the_session_does_not_stop_its_replay(tmp_path: Path) -> None:
    """An entry that lacks a variable, unknown keys, and an overlay's entry that is not there."""
    bad = "- {name: bad, script: s.py, args: '${NOT_DEFINED}'}\n"
    base = MINIMAL + bad + "sinks: [{name: jsonl}]\nci: {nightly: true}\n"
    files = write_files(tmp_path, base, "entries: [{name: gone, timeout_s: 5}]\n")
    assert [sink.name for sink in from_config_files(tuple(files), {}).sinks] == ["jsonl"]
