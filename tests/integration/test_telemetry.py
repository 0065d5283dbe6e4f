# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What telemetry says of real processes: CPU, memory, I/O, children, daemons, and of a real Ray cluster."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.local.cluster import ClusterSpec, LocalCluster
from pytest_curator_bench.entry.telemetry import EntryTelemetry
from pytest_curator_bench.machine.processes import parent_of, read_tree_usage
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.telemetry.monitor import MachineMonitor
from tests.support.process_world import DAEMON, World
from tests.support.processes import eventually
from tests.support.stub_nvml import build_stub_nvml, stub_nvml_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_curator_bench.processes.client import SupervisedProcess
MIB = 1 << 20
ROOT = Path(__file__).parents[2]


def watched(
    world: World, process: SupervisedProcess, cluster: LocalCluster | None = None, interval_s: float = 0.1
) -> tuple[Mapping[str, Any], list[dict[str, str]]]:
    """Figures and rows of a job, which is then ended."""
    (world.directory / "telemetry.csv").unlink(missing_ok=True)  # of a run before
    telemetry = EntryTelemetry(
        MachineMonitor(), world.directory, interval_s=interval_s, cluster=cluster, environment=world.environment
    )
    with telemetry.running(process.keeper_pid):
        done = process.wait(60)
    process.end(0)
    assert done is not None
    assert done.returncode == 0
    blank = EntryResult(
        name="a", session_name="s", status="passed", timeout_s=60, nodeid="", entry_dir="", stdouterr_file=""
    )
    result = telemetry.completed(blank)
    assert result.warnings == ()
    table = world.directory / "telemetry.csv"
    return result.resources, list(csv.DictReader(table.read_text().splitlines())) if table.exists() else []


def test_cpu_time(world: World) -> None:
    """What is burnt is counted, in the mean over the whole run and in the peak."""
    burn = "import time\nwhile time.process_time() < 2.0: pass\ntime.sleep(1)\n"
    figures, rows = watched(world, world.python(burn))
    assert 1.9 <= figures["tree_cpu_time_s"] < 3
    assert 0 < figures["cpu_percent_mean"] < 100
    assert figures["cpu_percent_mean"] < figures["cpu_percent_peak"] <= 130  # rounded to clock ticks
    busy = sum(float(row["cpu_percent"]) > 10 for row in rows if row["cpu_percent"])
    assert busy >= 5
    assert figures["telemetry_samples"] == len(rows)


def test_cpu_time_of_children_that_have_ended(world: World) -> None:
    """Children that live and die between two samples are counted all the same."""
    child = "import time\nwhile time.process_time() < 0.05: pass\n"
    code = f"import subprocess, sys\nfor _ in range(10): subprocess.run([sys.executable, '-I', '-S', '-c', {child!r}])"
    figures, _ = watched(world, world.python(code), interval_s=30)
    assert figures["tree_cpu_time_s"] >= 0.45


def test_memory_of_parent_and_child(world: World) -> None:
    """Both hold 100 MiB of their own: together they have 200."""
    hold = f"import sys; x = bytearray({100 * MIB}); print(flush=True); sys.stdin.read()"
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-I', '-S', '-c', {hold!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
x = bytearray({100 * MIB})
child.stdout.readline()
time.sleep(1)
child.communicate()
"""
    figures, rows = watched(world, world.python(code))
    assert 200 * MIB <= figures["rss_anonymous_bytes_peak"] <= figures["rss_bytes_peak"] < 300 * MIB
    assert 100 * MIB < figures["rss_bytes_mean"] <= figures["rss_bytes_peak"]
    assert figures["process_count_peak"] == 2
    assert max(int(row["rss_bytes"]) for row in rows) == figures["rss_bytes_peak"]
    assert figures["swap_bytes_peak"] >= 0


def test_written_bytes(world: World) -> None:
    """Data that a child wrote to a file is counted; the file system must be one with storage below it."""
    path = world.directory / "file"
    code = f"import subprocess\nsubprocess.run(['/bin/sh', '-c', 'head -c {64 * MIB} /dev/zero > {path}'])"
    figures, rows = watched(world, world.python(code))
    assert 64 * MIB <= figures["write_bytes"] < 96 * MIB
    assert int(rows[-1]["write_bytes"]) == figures["write_bytes"]


def test_daemons_are_counted(world: World) -> None:
    """A process that forked twice into a session of its own still belongs to the entry."""
    code = DAEMON.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", f"data = bytearray({100 * MIB})")
    figures, rows = watched(world, world.python(f"{code}\ndaemon()\ntime.sleep(1.5)"))
    assert figures["rss_anonymous_bytes_peak"] >= 100 * MIB
    assert int(rows[-1]["process_count"]) == 1  # the daemon, when the script itself has ended


def test_shared_memory(world: World) -> None:
    """What lies in /dev/shm is told, whoever put it there."""
    path = Path(f"/dev/shm/telemetry-test-{uuid.uuid4().hex}")
    code = f"import time\nopen({str(path)!r}, 'wb').write(bytes({50 * MIB}))\ntime.sleep(1.5)"
    try:
        figures, _ = watched(world, world.python(code))
    finally:
        path.unlink(missing_ok=True)
    assert figures["shm_bytes_peak"] >= 50 * MIB


def test_a_script_too_short_for_rates_has_its_totals(world: World) -> None:
    """No figure is made up for what could not be seen."""
    watched(world, world.spawn("/bin/true"))  # makes the log and moves times of access: that may count as writing
    figures, rows = watched(world, world.spawn("/bin/true"))
    assert figures["write_bytes"] == 0
    assert len(rows) == figures["telemetry_samples"] >= 2


def test_interval_0_switches_it_off(world: World) -> None:
    """There is no file, no figure and no thread."""
    assert watched(world, world.spawn("/bin/true"), interval_s=0) == ({}, [])


def test_an_entry_directory_that_cannot_be_written_changes_no_outcome(world: World) -> None:
    """The script runs, and the result says why there are no figures."""
    telemetry = EntryTelemetry(
        MachineMonitor(), world.directory / "nowhere", interval_s=1, cluster=None, environment=world.environment
    )
    process = world.spawn("/bin/true")
    with telemetry.running(process.keeper_pid):
        assert process.wait(60) is not None
    blank = EntryResult(
        name="a", session_name="s", status="passed", timeout_s=60, nodeid="", entry_dir="", stdouterr_file=""
    )
    (warning,) = telemetry.completed(blank).warnings
    assert warning.startswith("Telemetry could not be started: FileNotFoundError: ")


KILLED = """
from pytest_curator_bench.entry.telemetry import EntryTelemetry
from pytest_curator_bench.telemetry.monitor import MachineMonitor
telemetry = EntryTelemetry(MachineMonitor(), world.directory, interval_s=0.05, cluster=None, environment={})
process = world.spawn("/bin/sleep", "100")
with telemetry.running(process.keeper_pid):
    time.sleep(100)
"""


def test_a_killed_harness_leaves_whole_rows(world: World) -> None:
    """After SIGKILL all samples so far can be read."""
    from tests.support.process_world import harness

    table = world.directory / "telemetry.csv"
    with subprocess.Popen(harness(world, KILLED), cwd=ROOT, env={**os.environ, **world.environment}) as process:
        try:
            eventually(lambda: table.exists() and table.read_text().count("\n") > 5, "six rows")
        finally:
            process.kill()
    text = table.read_text()
    assert text.endswith("\n")
    assert len({line.count(",") for line in text.splitlines()}) == 1


GPU_ENTRY = """
from pytest_curator_bench.entry.telemetry import EntryTelemetry
from pytest_curator_bench.telemetry.monitor import MachineMonitor
from pytest_curator_bench.results.record import EntryResult
import json
environment = {"CUDA_VISIBLE_DEVICES": "1"}
telemetry = EntryTelemetry(MachineMonitor(), world.directory, interval_s=0.1, cluster=None, environment=environment)
process = world.spawn("/bin/sleep", "1.5")
with telemetry.running(process.keeper_pid):
    process.wait()
process.end(0)
world.supervisor.close()
blank = EntryResult(
    name="a", session_name="s", status="passed", timeout_s=60, nodeid="", entry_dir="", stdouterr_file=""
)
result = telemetry.completed(blank)
print(json.dumps([result.resources, result.warnings]))
"""
NIGHTLY_COLUMNS = [
    *("timestamp_utc", "gpu_id", "utilization_gpu_pct", "utilization_memory_pct", "temperature_c"),
    *("power_draw_w", "power_limit_w", "fan_speed_pct", "processes"),
]


def run_with_gpus(world: World, tmp_path: Path, **values: object) -> tuple[Mapping[str, Any], list[dict[str, str]]]:
    """Figures and rows of gpustats.csv, in a process that sees the stand-in for the driver."""
    import json

    from tests.support.process_world import harness

    environment = stub_nvml_environment(build_stub_nvml(tmp_path), **values)
    output = subprocess.check_output(harness(world, GPU_ENTRY), cwd=ROOT, env={**environment, **world.environment})
    figures, warnings = json.loads(output)
    assert warnings == []
    return figures, list(csv.DictReader((world.directory / "gpustats.csv").read_text().splitlines()))


def test_gpu_rows_are_those_of_the_nightly_tooling(world: World, tmp_path: Path) -> None:
    """All GPUs have a row at each sample, with its columns first, in its units; figures are about the entry's GPU."""
    processes = f"{os.getpid()}:{5 << 20} {2**31 - 1}:-"
    figures, rows = run_with_gpus(
        world,
        tmp_path,
        count=2,
        gpu_util_1=60,
        memory_used_1=20 << 30,
        power_1=250_000,
        temperature_1=66,
        throttle_1=0x20,
        processes_1=processes,
        memory_used_0=1 << 30,
        gpu_util_0=7,
        fail="nvmlDeviceGetFanSpeed=3",
    )
    assert list(rows[0])[: len(NIGHTLY_COLUMNS)] == NIGHTLY_COLUMNS
    assert [row["gpu_id"] for row in rows] == ["0", "1"] * figures["telemetry_samples"]
    busy = rows[-1]
    expected = {
        "utilization_gpu_pct": "60",
        "utilization_memory_pct": "25.0",
        "memory_used_mb": str(20 << 10),
        "memory_total_mb": str(80 << 10),
        "temperature_c": "66",
        "power_draw_w": "250.0",
        "power_limit_w": "700",
        "fan_speed_pct": "",
        "sm_clock_mhz": "1980",
        "memory_clock_mhz": "2619",
        "throttle_reasons": "software_thermal_slowdown",
    }
    assert {name: busy[name] for name in expected} == expected
    time.strptime(busy["timestamp_utc"], "%Y-%m-%dT%H:%M:%SZ")
    assert f'{{"pid":{os.getpid()},"username":' in busy["processes"]
    assert f'{{"pid":{2**31 - 1},"username":null,"command":null,"gpu_memory_usage":null}}' in busy["processes"]
    assert figures["gpu_utilization_percent_mean"] == figures["gpu_utilization_percent_peak"] == 60
    assert figures["gpu_memory_bytes_peak"] == 20 << 30
    assert figures["gpu_power_w_mean"] == 250
    assert figures["gpus"]["0"]["memory_bytes_peak"] == 1 << 30
    assert figures["gpus"]["0"]["throttle_reasons"] == []
    assert figures["gpus"]["1"] == {
        "memory_total_bytes": 80 << 30,
        "utilization_percent_mean": 60,
        "utilization_percent_peak": 60,
        "memory_bytes_mean": 20 << 30,
        "memory_bytes_peak": 20 << 30,
        "temperature_c_mean": 66,
        "temperature_c_peak": 66,
        "power_w_mean": 250,
        "power_w_peak": 250,
        "sm_clock_mhz_mean": 1980,
        "sm_clock_mhz_peak": 1980,
        "throttle_reasons": ["software_thermal_slowdown"],
    }


def test_gpus_that_say_nothing_have_empty_rows(world: World, tmp_path: Path) -> None:
    """A GPU lost in mid-run is no reason to lose the rows of the others, nor the entry."""
    calls = ("UtilizationRates", "MemoryInfo", "Temperature", "PowerUsage", "ClockInfo", "CurrentClocksEventReasons")
    more = ("CurrentClocksThrottleReasons", "ComputeRunningProcesses_v3", "GraphicsRunningProcesses_v3")
    fail = " ".join(f"nvmlDeviceGet{call}@1=15" for call in (*calls, *more))
    figures, rows = run_with_gpus(world, tmp_path, count=2, fail=fail)
    assert (rows[1]["memory_used_mb"], rows[1]["processes"], rows[0]["memory_used_mb"]) == ("", "", "0")
    assert "gpu_memory_bytes_peak" not in figures
    assert figures["gpus"]["1"] == {"memory_total_bytes": None, "throttle_reasons": []}


RAY_SCRIPT = """
import numpy, ray, time
ray.init(log_to_driver=False)
kept = [ray.put(numpy.ones(5_000_000)) for _ in range(2)]
@ray.remote
def burn():
    end = time.process_time() + 1
    while time.process_time() < end: pass
ray.get(burn.remote())
time.sleep(1)
"""


@pytest.mark.curator
def test_a_cluster_belongs_to_its_entry(world: World) -> None:
    """CPU time and memory of Ray's workers count, what it used before does not; its object store is measured."""
    cluster = LocalCluster.start(
        ClusterSpec(num_cpus=1, num_gpus=0, object_store_bytes=200_000_000, dashboard=False),
        supervisor=world.supervisor,
        log_file=world.directory / "ray.log",
        start_timeout_s=200,
        env={**os.environ, **world.environment},
    )
    try:
        environment = {**os.environ, **cluster.script_environment()}
        keeper = parent_of(cluster.pid)
        assert keeper is not None
        before_s = read_tree_usage([keeper]).cpu_time_s
        idle, _ = watched(world, world.spawn("/bin/sleep", "1"), cluster)
        after_s = read_tree_usage([keeper]).cpu_time_s
        process = world.spawn(sys.executable, "-c", RAY_SCRIPT, env=environment)
        figures, _ = watched(world, process, cluster)
    finally:
        cluster.stop(keep_logs_in=None, stop_timeout_s=0)
    assert idle["tree_cpu_time_s"] < after_s - before_s + 0.1  # and not what its start has taken
    assert idle["object_store_bytes_peak"] < 10 * MIB
    assert figures["tree_cpu_time_s"] > 1
    assert 80_000_000 <= figures["object_store_bytes_peak"] < 120_000_000
    assert figures["process_count_peak"] > idle["process_count_peak"] > 3
