# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The look at the machine before an entry: files laid out as kernels do, and real processes that disturb."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pytest_curator_bench.machine.gpus import GpuProcess, GpuReading
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.telemetry import idle, monitor
from pytest_curator_bench.telemetry.gpus import describe_process, memory_record, memory_warnings
from pytest_curator_bench.telemetry.idle import IdleCheck
from pytest_curator_bench.telemetry.noise import noise_line

if TYPE_CHECKING:
    from pathlib import Path

T = os.sysconf("SC_CLK_TCK")
GIB = 1 << 30
THROTTLE = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"


def lay_out(root: Path, files: dict[str, str]) -> Path:
    """Write files below ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def stat(*busy: float, stolen: float = 0.0) -> str:
    """Content of /proc/stat: seconds that each CPU was busy, and that were stolen from each."""
    lines = (f"cpu{cpu} {int(used * T)} 0 0 0 0 0 0 {int(stolen * T)} 0 0" for cpu, used in enumerate(busy))
    return "\n".join(["cpu  0 0 0 0 0 0 0 0 0 0", *lines, "intr 1", ""])


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A quiet machine of 8 CPUs."""
    files = {"proc/stat": stat(*[100.0] * 8), "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 900 kB\n"}
    return lay_out(tmp_path, {**files, THROTTLE: "5\n"})


Look = Callable[[dict[str, str], range], tuple[str, ...]]


@pytest.fixture
def look(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Gives what a check of 0.1 s finds on some CPUs, during which the machine's files become the given ones."""
    now_s = 1000.0
    changes: dict[str, str] = {}

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        lay_out(machine, changes)

    def looked(files: dict[str, str], cpus: range) -> tuple[str, ...]:
        changes.update(files)
        return IdleCheck(machine, sample_s=0.1).disturbances(cpus=cpus)

    monkeypatch.setattr(idle, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now_s))
    return looked


def test_a_quiet_machine(machine: Path) -> None:
    """There is nothing to say, and for some seconds it isn't looked at again."""
    check = IdleCheck(machine, sample_s=0)
    assert check.disturbances() == ()
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n"})
    assert check.disturbances(consecutive_checks=2) == check.disturbances() == ()


def test_noise_holds_for_a_while_unless_quiet_is_required(machine: Path) -> None:
    """Short entries don't pay for a look each; one that would fail is not failed for what is over."""
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n"})
    check = IdleCheck(machine, sample_s=0)
    assert len(check.disturbances()) == 1
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 900 kB\n"})
    assert len(check.disturbances()) == 1
    assert check.disturbances(consecutive_checks=2) == ()


@pytest.mark.parametrize(
    ("busy", "cpus", "noisy"),
    [
        ([100.5] + [100.0] * 7, range(8), True),  # far more than one CPU's time within the look
        ([100.02] * 2 + [100.0] * 6, range(8), False),  # 0.04 s in 0.1 s
        ([100.5] + [100.0] * 7, range(1, 8), False),  # that CPU doesn't matter
    ],
)
def test_busy_cpus(look: Look, busy: list[float], cpus: range, noisy: bool) -> None:
    """CPUs that others keep busy are noise if they matter and are enough of them."""
    found = look({"proc/stat": stat(*busy)}, cpus)
    assert [text for text in found if text.startswith("Other processes keep ")] == list(found)
    assert bool(found) == noisy


def foreign(pid: int, name: str, used_s: float) -> dict[str, str]:
    """The file of a process that is nobody's, with the CPU time that it has used."""
    return {
        f"proc/{pid}/stat": f"{pid} ({name}) R 1 1 1 0 -1 4194304 1 2 3 4 {int(used_s * T)} 0 0 0 20 0 1 0 99 1 1 0\n"
    }


def test_the_busiest_processes_are_named(machine: Path, look: Look) -> None:
    """At most three, the busiest first, with the CPUs that each kept busy; our own are not."""
    base = 2**30  # above any process ID of a kernel
    lay_out(machine, {f"proc/{os.getpid()}/stat": own_stat(1)})
    for number in range(5):
        lay_out(machine, foreign(base + number, f"p{number}", 7))
    later = {"proc/stat": stat(100.1, 100.1, 100.1, *[100.0] * 5), f"proc/{os.getpid()}/stat": own_stat(1.1)}
    for number, used_s in enumerate((7, 7.03, 7.1, 7.02, 7.05)):
        later |= foreign(base + number, f"p{number}", used_s + 0.001)
    (text,) = look(later, range(8))
    assert text.partition(": ")[2] == (
        f"p2 (pid {base + 2}, 1.0 CPUs), p4 (pid {base + 4}, 0.5 CPUs), p1 (pid {base + 1}, 0.3 CPUs)."
    )


def test_stolen_time(look: Look) -> None:
    """A hypervisor that gives the CPUs to others is named."""
    (text,) = look({"proc/stat": stat(*[100.0] * 8, stolen=0.5)}, range(8))
    assert text.startswith("The hypervisor withholds ")


def test_little_memory(machine: Path) -> None:
    """Less than a tenth is little."""
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 90000 kB\n"})
    assert IdleCheck(machine, sample_s=0).disturbances() == (
        "Only 92.2 MB of memory (9 %) are available: other processes use the rest.",
    )


def test_slow_cpus(machine: Path) -> None:
    """Governors and caps are told with the number of policies that have them."""
    for number, governor in enumerate(("powersave", "powersave", "performance")):
        at = f"sys/devices/system/cpu/cpufreq/policy{number}"
        lay_out(machine, {f"{at}/scaling_driver": "acpi-cpufreq\n", f"{at}/scaling_governor": f"{governor}\n"})
        lay_out(machine, {f"{at}/scaling_max_freq": f"{2000 + number}\n", f"{at}/cpuinfo_max_freq": "2002\n"})
    lay_out(machine, {"sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1000\n"})
    governors, cap = IdleCheck(machine, sample_s=0).disturbances()
    assert governors == (
        "CPUs save energy (2 of 3 frequency policies have governor powersave): choose the governor performance."
    )
    assert cap.startswith("CPUs may not run at full speed: in 1 of 3 frequency policies ")


def test_heat(machine: Path) -> None:
    """Counters that have risen since the last look, and zones over their limit; what was before does not count."""
    check = IdleCheck(machine, sample_s=0, valid_s=0)
    at = "sys/class/thermal/thermal_zone0"
    trip = {f"{at}/trip_point_0_type": "passive\n", f"{at}/trip_point_0_temp": "90000\n"}
    lay_out(machine, {THROTTLE: "17\n", f"{at}/type": "x86_pkg_temp\n", f"{at}/temp": "95000\n", **trip})
    slowed, hot = check.disturbances()
    assert slowed == "CPUs were slowed down for heat 12 times since the last check."
    assert hot == "The machine is hot: x86_pkg_temp has 95 degrees Celsius, and is slowed down from 90 on."
    assert check.disturbances() == (hot,)


def test_what_is_over_after_one_look_was_no_noise(machine: Path) -> None:
    """Where a quiet machine is required, several looks must agree."""
    check = IdleCheck(machine, sample_s=0)
    lay_out(machine, {THROTTLE: "6\n"})
    assert check.disturbances(consecutive_checks=2) == ()


def test_a_machine_that_shows_nothing_is_quiet(tmp_path: Path) -> None:
    """No /proc/stat, no /sys, as in some sandboxes: no fact, no error."""
    assert IdleCheck(tmp_path, sample_s=0).disturbances() == ()


def own_stat(used_s: float) -> str:
    """Content of this process's /proc/PID/stat, with the CPU time that it has used."""
    return f"{os.getpid()} (pytest) R 1 1 1 0 -1 4194304 1 2 3 4 {int(used_s * T)} 0 0 0 20 0 1 0 99 1 1 0\n"


def test_our_own_processes_are_no_noise(machine: Path, look: Look) -> None:
    """What pytest, and an idle cluster below it, use meanwhile is not others' doing."""
    lay_out(machine, {f"proc/{os.getpid()}/stat": own_stat(1)})
    later = {f"proc/{os.getpid()}/stat": own_stat(1.5), "proc/stat": stat(*[100.0] * 7, 100.5)}
    assert look(later, range(8)) == ()


HOG = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
print("up", flush=True)
while True: pass
"""
CHECK = """
import sys
from pytest_curator_bench.telemetry.idle import IdleCheck
for _ in range(20):  # a look in which the machine itself stood still finds nothing
    if found := IdleCheck(sample_s=1).disturbances(cpus={int(sys.argv[1])}):
        break
print(found)
"""


def test_a_process_that_keeps_a_cpu_busy_is_noise() -> None:
    """A real one, that is not ours."""
    cpu = str(max(os.sched_getaffinity(0)))
    with subprocess.Popen([sys.executable, "-c", HOG, cpu], stdout=subprocess.PIPE) as hog:
        assert hog.stdout is not None
        hog.stdout.readline()
        output = subprocess.check_output([sys.executable, "-c", CHECK, cpu], text=True)
        hog.kill()
    assert "Other processes keep " in output
    assert " of 1 CPUs busy: " in output
    assert " (pid " in output  # not always the hog's: this machine may have busier ones


def test_waiting_for_a_quiet_machine(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until what passes has passed: a governor stays. What is waited for is told; all waits share the limit."""
    monkeypatch.setattr(monitor, "LOOK_AGAIN_S", 0.01)
    at = "sys/devices/system/cpu/cpufreq/policy0"
    lay_out(machine, {f"{at}/scaling_driver": "acpi-cpufreq\n", f"{at}/scaling_governor": "powersave\n"})
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n"})
    watcher = monitor.MachineMonitor(IdleCheck(machine, sample_s=0, valid_s=0))
    lease: Any = SimpleNamespace(gpus=(), affinity=None)
    told: list[tuple[str, ...]] = []

    def on_wait(noise: tuple[str, ...]) -> None:
        told.append(noise)
        if len(told) == 3:
            lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 900 kB\n"})

    left = watcher.await_quiet(lease, 600, on_wait)
    assert len(told) == 3
    assert {text.partition(" ")[0] for text in told[0]} == {"Only", "CPUs"}
    assert [text.partition(" ")[0] for text in left] == ["CPUs"]
    lay_out(machine, {"proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 10 kB\n"})
    assert len(watcher.await_quiet(lease, 0.001, on_wait)) == 2
    assert len(told) == 3  # the time is used up


def result(name: str, *warnings: str) -> EntryResult:
    """A result with these warnings."""
    return EntryResult(
        name=name,
        session_name="s",
        status="passed",
        reason=None,
        nodeid="",
        entry_dir="",
        stdouterr_file="",
        timeout_s=1,
        warnings=[*warnings],
    )


def test_one_line_for_all_noisy_entries() -> None:
    """Sentences that differ in numbers and processes only are told once, the latest; other warnings are left out."""
    results = [
        result("a", "noise: Other processes keep 1.3 of 2 CPUs busy: cc (pid 7, 1.3 CPUs).", "something else"),
        result("b", "noise: Only 9 MB of memory (1 %) are available: other processes use the rest."),
        result("c", "noise: Other processes keep 2.0 of 2 CPUs busy: ld (pid 8, 2.0 CPUs)."),
        result("d", "something else"),
    ]
    assert noise_line(results) == (
        "noise: 3 of 4 entries ran on a noisy machine (a, b, c): Other processes keep 2.0 of 2 CPUs busy: "
        "ld (pid 8, 2.0 CPUs). Only 9 MB of memory (1 %) are available: other processes use the rest."
    )
    assert noise_line(results[3:]) is None
    many = [result(str(number), "noise: busy") for number in range(200)]
    assert noise_line(many) == (
        "noise: 200 of 200 entries ran on a noisy machine (0, 1, 2, 3, 4, 5, 6, 7, ... (192 more)): busy"
    )


def reading(index: int = 0, **values: Any) -> GpuReading:
    """A GPU of 80 GiB of which nothing else is known."""
    blank: dict[str, Any] = dict.fromkeys(GpuReading.__dataclass_fields__)
    return GpuReading(**{**blank, "index": index, "memory_total_bytes": 80 * GIB, **values})


def test_other_processes_on_gpus(machine: Path) -> None:
    """Somebody else's are named, our own and those below us are not; each GPU has its sentence."""
    with subprocess.Popen(["/bin/sleep", "100"]) as child:
        ours = [GpuProcess(pid=os.getpid(), used_bytes=1), GpuProcess(pid=child.pid, used_bytes=1)]
        found = IdleCheck(machine, sample_s=0).disturbances(
            [
                reading(0, processes=tuple(ours)),
                reading(1, processes=(GpuProcess(pid=1, used_bytes=2 * 10**9), GpuProcess(pid=2**31, used_bytes=None))),
                reading(2),
            ]
        )
        child.kill()
    name = psutil.Process(1).name()
    assert found == (f"Other processes are on GPU 1: 1 {name} (2 GB), {2**31} (not visible from here) (?).",)


def test_slowed_gpus(machine: Path) -> None:
    """Heat and brakes are noise, a power cap is the card's everyday life."""
    gpus = [reading(0, throttle_reasons=("software_power_cap",)), reading(3, throttle_reasons=("hardware_slowdown",))]
    assert IdleCheck(machine, sample_s=0).disturbances(gpus) == ("GPU 3 is slowed down: hardware_slowdown.",)


def test_gpu_memory_over_the_threshold() -> None:
    """The sentence has GPU, memory, threshold and owners; memory whose owner nobody knows, too."""
    gpus = [
        reading(0, memory_used_bytes=8 * GIB, processes=(GpuProcess(pid=os.getpid(), used_bytes=10**9),)),
        reading(1, memory_used_bytes=8 * GIB + 1, processes=()),
        reading(2, memory_used_bytes=None),
        reading(3, memory_used_bytes=40 * GIB, processes=(GpuProcess(pid=os.getpid(), used_bytes=None),)),
    ]
    first, second = memory_warnings(gpus, 0.1, "after the entry")
    assert first == (
        "GPU 1: 8.59 GB of 85.9 GB of memory (10 %) in use after the entry, over gpu_mem_use_warning_threshold (0.1): "
        "no process that the driver names."
    )
    assert second.startswith("GPU 3: 42.9 GB of 85.9 GB of memory (50 %) in use after the entry")
    assert second.endswith(f": {os.getpid()} {psutil.Process().name()} (?).")
    assert list(memory_warnings(gpus, 1, "")) == []


def test_memory_of_a_gpu_as_the_nightly_tooling_records_it() -> None:
    """MiB; null for what is not known."""
    gpu = reading(0, memory_used_bytes=3 << 20, processes=(GpuProcess(pid=2**31, used_bytes=None),))
    nobody = {"pid": 2**31, "username": None, "command": None, "gpu_memory_usage": None}
    assert memory_record(gpu) == {"memory_total": 80 * 1024, "memory_used": 3, "processes": [nobody]}
    assert memory_record(reading(0, memory_used_bytes=None))["memory_used"] is None


def test_processes_are_described_as_the_nightly_tooling_does() -> None:
    """Command without its directory, MiB; null for what is not known."""
    ours = describe_process(GpuProcess(pid=os.getpid(), used_bytes=5 << 20))
    assert ours == {
        "pid": os.getpid(),
        "username": psutil.Process().username(),
        "command": os.path.basename(psutil.Process().cmdline()[0]),  # noqa: PTH119 - as gpustat does
        "gpu_memory_usage": 5,
    }
    unknown = describe_process(GpuProcess(pid=2**31, used_bytes=None))
    assert unknown == {"pid": 2**31, "username": None, "command": None, "gpu_memory_usage": None}
