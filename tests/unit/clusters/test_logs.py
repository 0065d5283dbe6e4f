# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of Ray's logs, and which of their lines tell why a cluster failed."""

from __future__ import annotations

import gzip
import math
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.clusters.local.logs import failure_summary, keep_logs, log_sizes

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "2026-11-23 23:02:33,169\tINFO scripts.py:1043 -- "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (f"{PREFIX}\x1b[37mLocal node IP\x1b[39m: 127.0.0.1\n", "Local node IP: 127.0.0.1"),
        (
            "Traceback (most recent call last):\n  File ...\nValueError: port 0 is bad\n\n",
            "ValueError: port 0 is bad",
        ),
        ("Usage: ray start [OPTIONS]\n\nError: No such option: --x\n", "Error: No such option: --x"),
        (
            f"{PREFIX}Some ended:\n{PREFIX}  gcs_server [exit code=-9]\n{PREFIX}  raylet [exit code=1]\n{PREFIX}Rest\n",
            "gcs_server [exit code=-9]",
        ),
    ],
)
def test_the_line_that_tells_most(tmp_path: Path, text: str, expected: str) -> None:
    """An error's last line, the exit that brought about the others, or simply the last line; plain text."""
    (tmp_path / "log").write_text(text)
    assert failure_summary(tmp_path / "log", tmp_path / "none")[0] == expected


def test_native_errors_join_the_detail(tmp_path: Path) -> None:
    """The output's last lines, and what the components in C++ say at level error or fatal; no more."""
    (tmp_path / "log").write_bytes(b"".join(b"line %d \xff\n" % number for number in range(100)))
    (tmp_path / "raylet.out").write_text(
        "[2026-11-23 23:02:34,671 I 6793 6793] (raylet) main.cc:283: fine\n"
        "[2026-11-23 23:02:35,671 C 6793 6793] (raylet) store.cc:1: no room\n"
    )
    _, detail = failure_summary(tmp_path / "log", tmp_path)
    lines = detail.splitlines()
    assert lines[0].startswith("line 80 ")
    assert lines[-1] == "raylet.out: [2026-11-23 23:02:35,671 C 6793 6793] (raylet) store.cc:1: no room"
    assert len(lines) == 21


def test_an_earlier_cluster_in_the_same_log_is_not_quoted(tmp_path: Path) -> None:
    """Output is appended: what stood there before the start says nothing about this one."""
    (tmp_path / "log").write_text("ValueError: an old one\nnew line\n")
    begin = len("ValueError: an old one\n")
    assert failure_summary(tmp_path / "log", tmp_path, log_begin=begin) == ("new line", "new line")


def test_a_missing_log_says_nothing(tmp_path: Path) -> None:
    """No log at all is no error."""
    assert failure_summary(tmp_path / "none", tmp_path / "none") == ("", "")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Logs of two components and one worker, a link out of the directory, and a subdirectory."""
    directory = tmp_path / "logs"
    (directory / "old").mkdir(parents=True)
    (directory / "a_worker_like.log").write_bytes(b"a" * 10)
    (directory / "worker-1.out").write_bytes(b"w" * 10)
    (directory / "raylet.out").write_bytes(b"0123456789")
    (directory / "old" / "raylet.out.1").write_bytes(b"old")
    (directory / "link").symlink_to("/etc/hostname")
    return directory


def test_logs_are_copied_whole(source: Path, tmp_path: Path) -> None:
    """All regular files with their directories; links are not followed."""
    target = tmp_path / "kept" / "ray"
    assert keep_logs(source, target, deadline=math.inf)
    kept = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert kept == {"a_worker_like.log", "worker-1.out", "raylet.out", "old/raylet.out.1"}
    assert (target / "raylet.out").read_bytes() == b"0123456789"


def test_of_large_logs_the_end_is_kept(source: Path, tmp_path: Path) -> None:
    """A file over the limit keeps its last bytes, and the answer says that not all was kept."""
    assert not keep_logs(source, tmp_path / "kept", deadline=math.inf, max_file_bytes=4)
    assert (tmp_path / "kept" / "raylet.out").read_bytes() == b"6789"


def test_large_logs_are_compressed(source: Path, tmp_path: Path) -> None:
    """From 1 MiB on; smaller ones stay readable as they are."""
    text = b"a line of a log\n" * 2**16
    (source / "raylet.out").write_bytes(text)
    assert keep_logs(source, tmp_path / "kept", deadline=math.inf)
    assert gzip.decompress((tmp_path / "kept" / "raylet.out.gz").read_bytes()) == text
    assert not (tmp_path / "kept" / "raylet.out").exists()
    assert (tmp_path / "kept" / "worker-1.out").read_bytes() == b"w" * 10


def test_of_a_log_that_several_entries_write_each_keeps_its_own(source: Path, tmp_path: Path) -> None:
    """What was there before is left out, and files with nothing new; new files are whole."""
    begins = log_sizes(source)
    with (source / "raylet.out").open("ab") as log:
        log.write(b"new")
    (source / "later").write_bytes(b"later")
    assert keep_logs(source, tmp_path / "kept", deadline=math.inf, begins=begins)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert kept == {"raylet.out": b"new", "later": b"later"}


def test_components_come_before_workers(source: Path, tmp_path: Path) -> None:
    """When room is short, what is left out is workers' logs."""
    assert not keep_logs(source, tmp_path / "kept", deadline=math.inf, max_total_bytes=23)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"a_worker_like.log", "old", "raylet.out"}


def test_nothing_is_copied_after_the_deadline(source: Path, tmp_path: Path) -> None:
    """A deadline in the past leaves an incomplete copy, not a long wait."""
    assert not keep_logs(source, tmp_path / "kept", deadline=-math.inf)
    assert not (tmp_path / "kept").exists()


def test_a_target_that_cannot_be_made_is_no_crash(source: Path, tmp_path: Path) -> None:
    """Where nothing can be written, the answer is that logs are missing."""
    (tmp_path / "file").touch()
    assert not keep_logs(source, tmp_path / "file", deadline=math.inf)
    assert (tmp_path / "file").read_bytes() == b""
