# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The live view's clock: it starts with the log, and anew with the log of another run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_curator_bench.plugin.terminal.live import _Running

if TYPE_CHECKING:
    from pathlib import Path


def test_the_clock_starts_anew_with_each_run(tmp_path: Path) -> None:
    """The entry's log is a link that leads to the present run's; a log that is gone for a moment changes nothing."""
    link = tmp_path / "stdouterr.log"
    running = _Running("a", 100, link, begun=0)
    running.look(2)
    assert running.clock(5) == "preparing, 5 s"
    for name, now in (("run-1", 10), ("run-2", 50)):
        (tmp_path / name).write_text("x")
        link.unlink(missing_ok=True)
        running.look(now - 1)
        link.symlink_to(name)
        running.look(now)
        running.look(now + 3)
        assert running.clock(now + 3) == "0:03 / 1:40"
