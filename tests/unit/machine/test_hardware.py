# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""CPUs, memory and their limits: from files laid out as kernels do."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_curator_bench.machine.cgroups import CgroupLimits, count_oom_kills, read_limits
from pytest_curator_bench.machine.hardware import available_cpus, read_cpus, read_memory, read_space

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


def lay_out(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


UNIFIED_MOUNT = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MEMORY_MOUNT = "35 31 0:32 {} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V1_CPU_MOUNT = "32 31 0:29 {} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"


def test_version_2_limits_of_the_group_and_those_above_it(tmp_path: Path) -> None:
    """The tightest of each counts, whichever level it stands on."""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/job.service\n",
            "proc/self/mountinfo": UNIFIED_MOUNT,
            "sys/fs/cgroup/system.slice/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/system.slice/cpu.max": "max 100000\n",
            "sys/fs/cgroup/system.slice/job.service/memory.max": "max\n",
            "sys/fs/cgroup/system.slice/job.service/cpu.max": "150000 100000\n",
        },
    )
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=8 * GIB, cpus=1.5)


def test_version_2_in_a_container_with_its_own_name_space(tmp_path: Path) -> None:
    """The group is the root, and its limits lie in the mount's root."""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": UNIFIED_MOUNT,
            "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/cpu.max": "400000 100000\n",
        },
    )
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=2 * GIB, cpus=4.0)


def test_version_2_for_a_process_from_outside_the_name_space(tmp_path: Path) -> None:
    """Its group lies above what is mounted; the limits of what is mounted hold, and no other file is read."""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../other\n",
            "proc/self/mountinfo": UNIFIED_MOUNT,
            "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
            "sys/fs/other/memory.max": f"{1 * GIB}\n",
        },
    )
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=2 * GIB, cpus=None)


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({"sys/fs/cgroup/job/memory.events": "oom 9\noom_kill 2\noom_group_kill 0\n"}, 2),
        ({"sys/fs/cgroup/memory.events": "oom_kill 3\n"}, 3),
        ({"sys/fs/cgroup/job/memory.max": "max\n"}, 7),
    ],
)
def test_kills_for_lack_of_memory(tmp_path: Path, files: dict[str, str], count: int) -> None:
    """Those of the group, of the next one above it that counts, or of the machine."""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/job\n",
            "proc/self/mountinfo": UNIFIED_MOUNT,
            "proc/vmstat": "pgfault 1\noom_kill 7\n",
            **files,
        },
    )
    assert count_oom_kills(tmp_path) == count


def test_a_kernel_that_counts_no_kills(tmp_path: Path) -> None:
    """There is nothing to compare."""
    assert count_oom_kills(tmp_path) == 0


@pytest.mark.parametrize("mount_root", ["/", "/docker/abc", "/../.."])
def test_version_1_limits_whatever_the_mount_calls_its_root(tmp_path: Path, mount_root: str) -> None:
    """Docker mounts the container's own group, under the path that the host knows."""
    group = "/docker/abc"
    below = group if mount_root == "/" else ""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": f"5:memory:{group}\n4:cpu,cpuacct:{group}\n1:name=systemd:/x\n",
            "proc/self/mountinfo": V1_MEMORY_MOUNT.format(mount_root) + V1_CPU_MOUNT.format(mount_root),
            f"sys/fs/cgroup/memory{below}/memory.limit_in_bytes": f"{4 * GIB}\n",
            f"sys/fs/cgroup/cpu,cpuacct{below}/cpu.cfs_quota_us": "50000\n",
            f"sys/fs/cgroup/cpu,cpuacct{below}/cpu.cfs_period_us": "100000\n",
        },
    )
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=4 * GIB, cpus=0.5)


def test_version_1_says_no_limit_with_numbers(tmp_path: Path) -> None:
    """A quota of -1, and a memory limit beyond any machine."""
    lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/\n4:cpu,cpuacct:/\n",
            "proc/self/mountinfo": V1_MEMORY_MOUNT.format("/") + V1_CPU_MOUNT.format("/"),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
    )
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=None, cpus=None)


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    """Nothing there is nothing wrong."""
    assert read_limits(tmp_path) == CgroupLimits(memory_bytes=None, cpus=None)


def test_memory_is_the_smaller_of_machine_and_limit(tmp_path: Path) -> None:
    """A limit above the machine's memory is none."""
    files = {
        "proc/meminfo": "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\nSwapTotal: 1024 kB\nHuge: 0\n",
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": UNIFIED_MOUNT,
        "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
    }
    memory = read_memory(lay_out(tmp_path, files))
    assert (memory.total_bytes, memory.available_bytes) == (16 * GIB, 8 * GIB)
    assert memory.swap_total_bytes == 1 << 20
    assert (memory.cgroup_limit_bytes, memory.effective_bytes) == (4 * GIB, 4 * GIB)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{64 * GIB}\n")
    memory = read_memory(tmp_path)
    assert (memory.cgroup_limit_bytes, memory.effective_bytes) == (None, 16 * GIB)


def test_cpus_are_what_affinity_and_limits_leave(tmp_path: Path) -> None:
    """Threads of one core count once as cores; a limit of half a CPU is half a CPU."""
    files = {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast CPU @ 3 GHz\n\nmodel name\t: other\n",
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": UNIFIED_MOUNT,
        "sys/fs/cgroup/cpu.max": "50000 100000\n",
    }
    for cpu in range(4):
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu % 2},{cpu % 2 + 2}\n"
    cpus = read_cpus(lay_out(tmp_path, files))
    assert (cpus.model, cpus.physical_count) == ("Fast CPU @ 3 GHz", 2)
    assert cpus.affinity_count == len(os.sched_getaffinity(0))
    assert (cpus.cgroup_limit, cpus.effective_count) == (0.5, 0.5)


def test_a_cpu_without_a_name_is_told_by_its_numbers(tmp_path: Path) -> None:
    """ARM machines say maker and part."""
    lay_out(tmp_path, {"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n"})
    assert read_cpus(tmp_path).model == "CPU implementer 0x41, CPU part 0xd4f"


def test_this_machine_agrees_with_psutil() -> None:
    """Real files, against somebody else's reading of them."""
    assert read_memory().total_bytes == psutil.virtual_memory().total
    assert read_memory().swap_total_bytes == psutil.swap_memory().total
    assert read_cpus().logical_count == psutil.cpu_count()
    assert read_cpus().physical_count == psutil.cpu_count(logical=False)
    assert read_cpus().model


def test_space_agrees_with_df(tmp_path: Path) -> None:
    """Total and free bytes of the file system; a missing directory is no error."""
    space = read_space(tmp_path)
    assert space is not None
    command = ["df", "-B1", "--output=size", str(tmp_path)]
    fields = subprocess.check_output(command, text=True).split()
    assert space.total_bytes == int(fields[-1])
    assert 0 < space.free_bytes < space.total_bytes
    assert read_space(tmp_path / "missing") is None


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight CPUs and of this one's memory; the process is in ``/user/job`` of both versions."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    files = {
        "proc/self/cgroup": "4:memory:/user/job\n3:cpu,cpuacct:/user/job\n0::/user/job\n",
        "proc/self/mountinfo": UNIFIED_MOUNT + V1_MEMORY_MOUNT.format("/") + V1_CPU_MOUNT.format("/"),
    }
    return lay_out(tmp_path, files)


def test_affinity_counts_where_no_quota_is_set(groups: Path) -> None:
    """Eight CPUs without any control group file, and with a quota of ``max``."""
    assert available_cpus(groups) == 8
    lay_out(groups, {"sys/fs/cgroup/user/job/cpu.max": "max 100000\n"})
    assert available_cpus(groups) == 8


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"user/job/cpu.max": "250000 100000"}, 2),
        ({"user/cpu.max": "300000 100000", "user/job/cpu.max": "max 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "900000 100000"}, 8),
        (
            {
                "cpu,cpuacct/user/job/cpu.cfs_quota_us": "400000",
                "cpu,cpuacct/user/job/cpu.cfs_period_us": "100000",
            },
            4,
        ),
        (
            {
                "cpu,cpuacct/user/job/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/user/job/cpu.cfs_period_us": "100000",
            },
            8,
        ),
    ],
)
def test_quotas_count_too(groups: Path, files: dict[str, str], expected: int) -> None:
    """The least quota of our group and of those around it, rounded down, at least one; both versions."""
    lay_out(groups, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    assert available_cpus(groups) == expected


@pytest.mark.parametrize("name", ["user/job/memory.max", "memory.max", "memory/user/memory.limit_in_bytes"])
def test_memory_limits_count(groups: Path, name: str) -> None:
    """A limit on our group, or on one around it, bounds the memory there is, also where /proc doesn't say it."""
    whole = read_memory(groups).effective_bytes
    assert whole == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lay_out(groups, {f"sys/fs/cgroup/{name}": "123456789\n"})
    assert read_memory(groups).effective_bytes == 123456789
    lay_out(groups, {f"sys/fs/cgroup/{name}": "max\n"})
    assert read_memory(groups).effective_bytes == whole
