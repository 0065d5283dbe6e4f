# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Process trees from /proc: laid out as the kernel does, and real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_curator_bench.machine.processes import (
    TreeUsage,
    descendants,
    members_below,
    parent_of,
    read_stats,
    read_tree_usage,
)
from tests.support.processes import eventually

if TYPE_CHECKING:
    from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def lay_out_process(
    root: Path,
    pid: int,
    parent: int,
    *,
    name: str = "x",
    state: str = "S",
    own: int = 0,
    waited: int = 0,
    status: str = "",
    io: str = "",
) -> None:
    """Write what the kernel shows of a process; times in seconds."""
    directory = root / "proc" / str(pid)
    directory.mkdir(parents=True)
    times = f"1 1 0 -1 4194304 1 2 3 4 {own * TICKS} 0 {waited * TICKS} 0 20 0 1 0 99 1 1 0"
    (directory / "stat").write_text(f"{pid} ({name}) {state} {parent} {times}\n")
    (directory / "status").write_text(f"Name:\t{name}\n{status}")
    (directory / "io").write_text(f"rchar: 5\nwchar: 6\n{io}")


def test_the_use_of_a_tree_is_summed_up(tmp_path: Path) -> None:
    """A keeper's own use is not counted, what it waited for is; strangers are not; names may hold anything."""
    lay_out_process(tmp_path, 10, 1, own=50, waited=7, io="read_bytes: 100\nwrite_bytes: 200\n")
    memory = "VmHWM:\t   9 kB\nVmRSS:\t   100 kB\nRssAnon:\t   60 kB\nRssFile:\t   40 kB\nVmSwap:\t   8 kB\n"
    lay_out_process(tmp_path, 11, 10, name=") S 1 (", own=2, waited=1, status=memory, io="read_bytes: 1\n")
    lay_out_process(tmp_path, 12, 11, own=4, status=memory)
    lay_out_process(tmp_path, 20, 1, own=1000, status=memory)
    (tmp_path / "proc" / "meminfo").write_text("")
    assert read_tree_usage([10], tmp_path) == TreeUsage(
        cpu_time_s=7 + 2 + 1 + 4,
        read_bytes=101,
        write_bytes=200,
        rss_bytes=200 * 1024,
        rss_anonymous_bytes=120 * 1024,
        swap_bytes=16 * 1024,
        count=2,
    )


def test_a_process_that_nobody_has_waited_for_yet_lives_no_more(tmp_path: Path) -> None:
    """Its CPU time is counted, it is not."""
    lay_out_process(tmp_path, 11, 10, own=3)
    lay_out_process(tmp_path, 12, 11, own=4, waited=5, state="Z")
    lay_out_process(tmp_path, 13, 12, own=6, state="X")
    assert read_tree_usage([10], tmp_path) == TreeUsage(cpu_time_s=3 + 4 + 5 + 6, count=1)


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A process that ends meanwhile, or is another user's, is no error; nor is a keeper that is gone."""
    lay_out_process(tmp_path, 11, 10, own=3, io="read_bytes: 7\n")
    (tmp_path / "proc" / "11" / "status").unlink()
    (tmp_path / "proc" / "12").mkdir()
    assert read_tree_usage([10], tmp_path) == TreeUsage(cpu_time_s=3, read_bytes=7, count=1)
    assert read_tree_usage([99], tmp_path) == TreeUsage()


def test_children_that_have_ended_are_counted(tmp_path: Path) -> None:
    """The kernel adds CPU time and I/O of a child to its parent's when that waits for it."""
    burn = "import time\nwhile time.process_time() < 0.5: pass\n"
    write = (
        f"import os\nfd = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT)\nos.write(fd, bytes(8 << 20))\n"
    )
    before = read_stats()[os.getpid()].waited_cpu_time_s
    written = read_tree_usage([os.getpid()]).write_bytes
    subprocess.run([sys.executable, "-I", "-S", "-c", burn + write], check=True)
    assert read_stats()[os.getpid()].waited_cpu_time_s - before >= 0.45
    assert read_tree_usage([os.getpid()]).write_bytes - written >= 8 << 20


def test_only_descendants_are_members() -> None:
    """Generations below are found, the ancestor itself and other processes are not."""
    sleeper = "import subprocess, sys; subprocess.run(['sleep', '100'], stdout=print('up', flush=True))"
    with subprocess.Popen([sys.executable, "-c", sleeper], stdout=subprocess.PIPE, process_group=0) as child:
        assert child.stdout is not None
        child.stdout.readline()
        names: list[str] = []
        while "sleep" not in names:
            names = [stat.name for stat in members_below(read_stats(), [child.pid])]
        assert names == ["sleep"]
        os.killpg(child.pid, 9)


def test_descendants_over_generations() -> None:
    """Children and grandchildren, in whatever session, and not the ancestor itself."""
    command = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], start_new_session=True)"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE) as child:
        eventually(lambda: bool(descendants(child.pid)))
        grandchildren = descendants(child.pid)
        assert child.pid in descendants(os.getpid())
        assert grandchildren <= descendants(os.getpid())
        assert os.getpid() not in descendants(os.getpid())
        assert {parent_of(pid) for pid in grandchildren} == {child.pid}
    assert parent_of(child.pid) is None
