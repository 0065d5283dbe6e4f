# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The live view: what it says where, and where it writes."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.plugin.terminal.live import LiveView
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.session.progress.expected import Expected
from pytest_curator_bench.session.status import EntryStatus, publish_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Bare(io.StringIO):
    """A stream as notebooks have it: it calls itself a terminal, and no descriptor is behind it."""

    fileno = property()  # reading it raises AttributeError

    def isatty(self) -> bool:
        """Claim to be a terminal."""
        return True


@pytest.fixture
def make(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[LiveView, io.StringIO]]:
    """A function that makes a view on a stream; its thread never looks, the test does."""
    monkeypatch.setattr("pytest_curator_bench.plugin.terminal.live.REFRESH_S", 3600.0)

    def make_view(
        stream: io.StringIO | None = None, *, heartbeat_s: float = 60.0, is_quiet: bool = False
    ) -> tuple[LiveView, io.StringIO]:
        stream = stream or io.StringIO()
        monkeypatch.setattr(sys, "stdout", stream)
        expected = {"a": Expected(usual_s=36.0)}
        reporter = pytest.TerminalReporter(pytestconfig, stream)
        monkeypatch.setattr(pytestconfig, "get_terminal_writer", lambda: reporter._tw)
        return LiveView(reporter, str, expected=expected, heartbeat_s=heartbeat_s, is_quiet=is_quiet), stream

    return make_view


def said(stream: io.StringIO) -> list[str]:
    """The lines."""
    return stream.getvalue().splitlines()


def look(view: LiveView, later_s: float = 0.0) -> None:
    """What the thread does from time to time."""
    for shown in view._running.values():
        shown.follower.look()
    view._report(time.monotonic() + later_s)


@pytest.mark.parametrize("kind", [io.StringIO, Bare])
def test_a_stream_without_a_descriptor(
    kind: Callable[[], io.StringIO], make: Callable[..., tuple[LiveView, io.StringIO]], tmp_path: Path
) -> None:
    """Plain lines go to the stream itself; that it is closed ends nothing."""
    view, stream = make(kind())
    view.started("a.yaml::a", "a", 7200, tmp_path)
    look(view)
    assert stream.getvalue() == ""
    view.began("a.yaml::a")
    view.began("a.yaml::a")
    look(view, 61)
    started, beat = said(stream)
    assert started == f"a: started, usually 0:36, limit 7,200 s, log {tmp_path}/stdouterr.log"
    assert beat.startswith("a: preparing, 0:")
    stream.close()
    look(view, 180)
    view.close()


def test_no_line_before_an_entry_has_its_lease(
    make: Callable[..., tuple[LiveView, io.StringIO]], tmp_path: Path
) -> None:
    """Until then it waits, which is said once and with each heartbeat; the status tells of the start as well."""
    view, stream = make()
    view.started("n", "a", 60, tmp_path)
    with publish_status(tmp_path) as publish:
        publish(EntryStatus(doing="waiting for 2 CPUs", detail=("2 CPUs leased by b",), held_by=(os.getpid(),)))
        look(view)
        look(view)
        assert said(stream) == ["a: waiting for 2 CPUs (2 CPUs leased by b)"]
        look(view, 100)
        assert said(stream) == 2 * ["a: waiting for 2 CPUs (2 CPUs leased by b)"]
    with publish_status(tmp_path) as publish:
        publish(EntryStatus(doing="running", run=""))
        (tmp_path / "stdouterr.log").write_text("stage 1\n")
        look(view)
        look(view)
        view.began("n")
        look(view, 61)
    result = EntryResult(
        name="a",
        session_name="s",
        status="passed",
        timeout_s=60,
        nodeid="n",
        entry_dir="e",
        stdouterr_file="l",
        exec_time_s=1.5,
        script_metrics={"rate_per_sec": 95},
    )
    view.concluded(result)
    started, beat, ended = said(stream)[2:]
    assert started.startswith("a: started, usually 0:36, limit 60 s, log ")
    assert re.fullmatch(r"a: 0:\d\d of usually 0:36 \| stage 1", beat)
    assert ended == "a: passed in 1.5 s, rate_per_sec 95 1/s"
    view.close()


def test_a_quiet_run_only_says_that_it_waits_for_another(
    make: Callable[..., tuple[LiveView, io.StringIO]], tmp_path: Path
) -> None:
    """Once for each entry, and nothing else."""
    view, stream = make(is_quiet=True)
    view.started("n", "a", 60, tmp_path)
    with publish_status(tmp_path) as publish:
        publish(EntryStatus(doing="waiting for 2 CPUs", detail=("2 CPUs leased by b",), held_by=(os.getpid(),)))
        look(view)
        assert stream.getvalue() == ""
        publish(EntryStatus(doing="waiting for 2 CPUs", detail=("2 CPUs leased by b, pid 1",), held_by=(1,)))
        look(view)
        look(view, 61)
    view.began("n")
    assert said(stream) == ["a: waiting for 2 CPUs (2 CPUs leased by b, pid 1)"]
    view.close()


def test_what_others_write_stands_above_the_panel(
    make: Callable[..., tuple[LiveView, io.StringIO]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also outside of the hooks in which pytest reports, as xdist does where a worker dies."""
    monkeypatch.setenv("TERM", "xterm")
    screen, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        view, _ = make(stream)
        writer = view._writer
        view.started("n", "a", 60, tmp_path)
        view.release()
        view._paint()
        writer.line("node down")
        view._paint()
        view.close()
        writer.line("after it")
        read = b""
        while not read.endswith(b"after it\r\n"):  # a terminal hands on what it gets in parts
            read += os.read(screen, 10_000)
        shown = read.decode().replace("\r\n", "\n")
    os.close(screen)
    panel, erased = r"\n\x1b\[1m\[0/1\].*\n.*preparing.*", r"\r\x1b\[A\x1b\[J\x1b\[A\x1b\[1G"
    assert re.fullmatch(f"{panel}{erased}node down\n{panel}{erased}after it\n", shown)


def test_no_heartbeat(make: Callable[..., tuple[LiveView, io.StringIO]], tmp_path: Path) -> None:
    """0 switches it off."""
    view, stream = make(heartbeat_s=0)
    view.started("n", "a", 60, tmp_path)
    look(view, 1e6)
    assert stream.getvalue() == ""
    view.close()
