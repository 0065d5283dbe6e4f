# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases as users meet them: entries side by side or alone, waiting that shows, what can't be had."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity
from pytest_curator_bench.resources.registry import Lease, LeaseRegistry, ResourceRequest
from tests.support.bench_project import pytest_command
from tests.support.processes import LIMIT_S, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from tests.support.bench_project import Project

ALL = ResourceRequest(cpus=None, gpus=None, alone=True)

# Entries name resources in their ray section; clusters have tests of their own.
NO_CLUSTER = "import pytest\n@pytest.fixture\ndef bench_ray_cluster(bench_lease): return None\n"

# Passes only if the other entry runs at the same time.
MEETING = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
end = time.monotonic() + 30
while not pathlib.Path(sys.argv[2]).exists():
    assert time.monotonic() < end, "nobody came"
    time.sleep(0.01)
del sys.argv[1:3]
"""


@pytest.fixture
def simulated(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on 8 CPUs and 4 GPUs, without clusters."""
    monkeypatch.setenv(SIMULATED_VARIABLE, "cpus=8,gpus=4,memory=64000000000")
    (project.path / "conftest.py").write_text(NO_CLUSTER)
    project.script("meet.py", MEETING + (project.scripts / "ok.py").read_text())
    return project


@contextlib.contextmanager
def another_run() -> Iterator[tuple[LeaseRegistry, Lease]]:
    """Another run that has the whole machine."""
    registry = LeaseRegistry(read_capacity(os.environ), os.environ)
    with contextlib.closing(registry):
        yield registry, registry.acquire(ALL, "other_entry")


def lease_of(project: Project, entry: str) -> dict[str, Any]:
    """What is recorded of an entry's lease."""
    lease: dict[str, Any] = project.result(entry)["resources"]["lease"]
    return lease


def test_entries_without_resources_run_alone(two: Project) -> None:
    """Under xdist one after the other, each on all that pytest may use."""
    two.run("-n", "2").assert_outcomes(passed=2)
    first, second = sorted((lease_of(two, name) for name in ("first", "second")), key=lambda lease: lease["granted_at"])
    assert first["released_at"] <= second["granted_at"]
    assert first["cpus"] == second["cpus"] == list(read_capacity({}).cpus)


def test_entries_that_may_run_beside_others(simulated: Project) -> None:
    """With ``exclusive: false``, or with resources that fit, two run at once."""
    simulated.config(
        "entries:\n"
        "  - {name: a, script: meet.py, args: a b, exclusive: false}\n"
        "  - {name: b, script: meet.py, args: b a, exclusive: false}\n"
    )
    simulated.run("-n", "2").assert_outcomes(passed=2)
    assert (lease_of(simulated, "a")["cpus"], lease_of(simulated, "a")["gpus"]) == ([], [])


def test_gpus_of_entries(simulated: Project) -> None:
    """Two that fit run at once on GPUs of their own; what a script sees, and only that, is recorded."""
    simulated.config(
        "object_store_size: 0.1\nray: {num_cpus: 2}\nentries:\n"
        "  - {name: a, script: meet.py, args: a b --print-environment CUDA_VISIBLE_DEVICES, ray: {num_gpus: 2}}\n"
        "  - {name: b, script: meet.py, args: b a --print-environment CUDA_VISIBLE_DEVICES, ray: {num_gpus: 2}}\n"
        "  - {name: c, script: ok.py, args: --print-environment CUDA_VISIBLE_DEVICES, ray: {num_gpus: 0}}\n"
        "  - {name: d, script: ok.py, args: --print-environment CUDA_VISIBLE_DEVICES, ray: {num_gpus: 1}, env: {CUDA_VISIBLE_DEVICES: '3'}}\n"
    )
    for entries, *args in (("ab", "-n", "2"), ("cd",)):
        names = [word for name in entries for word in ("--bench-entry", name)]
        simulated.run("--bench-session", "s", *names, *args).assert_outcomes(passed=2, deselected=0 if args else 2)
    logs = {name: (simulated.session_dir / name / "stdouterr.log").read_text() for name in "abcd"}
    seen = [re.findall(r"CUDA_VISIBLE_DEVICES=(.*)", logs[name])[0] for name in "abcd"]
    assert sorted(seen[:2]) == ["0,1", "2,3"]
    assert seen[2:] == ["", "3"]
    assert [lease_of(simulated, name)["gpus"] for name in "ab"] == [
        [int(gpu) for gpu in text.split(",")] for text in seen[:2]
    ]
    assert "Its env sets CUDA_VISIBLE_DEVICES" in simulated.result("d")["warnings"][0]


def test_affinity(project: Project) -> None:
    """An entry of one CPU runs on that one, on the real machine."""
    (project.path / "conftest.py").write_text(NO_CLUSTER)
    project.script(
        "cpus.py",
        "import os\nprint('cpus', sorted(os.sched_getaffinity(0)))\n" + (project.scripts / "ok.py").read_text(),
    )
    project.config("entries: [{name: a, script: cpus.py, ray: {num_cpus: 1, num_gpus: 0}}]")
    project.run().assert_outcomes(passed=1)
    lease = lease_of(project, "a")
    assert len(lease["cpus"]) == 1
    if len(os.sched_getaffinity(0)) > 1:
        assert f"cpus {lease['cpus']}" in (project.session_dir / "a" / "stdouterr.log").read_text()


def test_what_the_machine_has_not(simulated: Project) -> None:
    """Skipped at once, whoever holds what; an error where resources are required; nothing is waited for."""
    simulated.config(
        "entries:\n"
        "  - {name: gpus, script: ok.py, ray: {num_gpus: 5, num_cpus: 9}}\n"
        "  - {name: store, script: ok.py, ray: {num_gpus: 0, object_store_memory: 65000000000}}\n"
    )
    with another_run():
        result = simulated.run("-rs")
        result.assert_outcomes(skipped=2)
        result.stdout.fnmatch_lines_random(
            [
                "SKIPPED*needs 5 GPUs, this machine has 4; needs 9 CPUs, this machine has 8: ask for less*",
                "SKIPPED*object store of 65 GB is more than the 64 GB of memory here*",
            ]
        )
        strict = simulated.run("--bench-require-resources", "-k", "gpus")
        strict.assert_outcomes(errors=1, deselected=1)
        strict.stdout.fnmatch_lines(["*needs 5 GPUs, this machine has 4*"])


@pytest.mark.parametrize("options", [("-n", "1"), ("-q",)])
def test_waiting_shows_in_a_log(two: Project, options: tuple[str, ...]) -> None:
    """One line says for what, and who holds it; from a worker and with -q, too. It isn't counted against the limit."""
    two.config("entries: [{name: a, script: ok.py, timeout_s: 8}]")
    with another_run() as (_, lease):
        process = two.start(*options)
        assert process.stdout is not None
        watchdog = threading.Timer(LIMIT_S, process.kill)
        watchdog.start()
        line = next((line for line in process.stdout if "waiting for" in line), "")
        assert re.match(
            rf"a: waiting for the whole machine \(whole machine leased by other_entry, pid {os.getpid()}, since \d\d:\d\d\)$",
            line,
        )
        time.sleep(4)
        lease.release()
        rest, _ = process.communicate(timeout=LIMIT_S)
        watchdog.cancel()
    assert process.returncode == 0, rest
    assert lease_of(two, "a")["waited_s"] > 4
    assert not (two.session_dir / "a" / ".status.json").exists()


def test_waiting_shows_on_a_terminal(two: Project) -> None:
    """The panel names what is waited for and who holds it, as wide as the terminal is, also when that changes."""
    screen, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, 160))
    wide = f"waiting for the whole machine (whole machine leased by other_entry, pid {os.getpid()}, since "
    narrow = f"\n  whole machine leased by other_entry, pid {os.getpid()}, since "
    with another_run() as (_, lease):
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("COLUMNS", None)
        process = subprocess.Popen(
            pytest_command("-k", "first"),
            cwd=two.path,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        shown, deadline = "", time.monotonic() + LIMIT_S
        with contextlib.suppress(OSError):  # the terminal's end
            while chunk := os.read(screen, 65536):
                shown += re.sub(r"\x1b\[[\d;]*m", "", chunk.decode(errors="replace")).replace("\r", "")
                assert time.monotonic() < deadline, shown
                if wide in shown:
                    termios.tcsetwinsize(screen, (40, 70))
                if narrow in shown:
                    lease.release()
    os.close(screen)
    assert process.wait(LIMIT_S) == 0, shown
    assert "[0/1]" in shown
    assert "1 passed" in shown


def test_interrupt_while_waiting(two: Project) -> None:
    """Ctrl-C ends the wait and the session; the entry is interrupted, and nothing of it stays in the queue."""
    with another_run() as (registry, _):
        process = two.start("-k", "first")
        eventually(registry.others_waiting, "the entry in the queue")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == pytest.ExitCode.INTERRUPTED, output
        assert not registry.others_waiting()
    assert two.result("first")["status"] == "interrupted"
    assert two.session()["counts"] == {"interrupted": 1}


def test_a_failed_start_gives_back(simulated: Project) -> None:
    """An entry whose cluster does not come up records its lease as well, and the next one gets its turn."""
    broken = NO_CLUSTER.replace("return None", "assert bench_lease.environment()['CUDA_VISIBLE_DEVICES'] == 'x'")
    (simulated.path / "conftest.py").write_text(broken)
    simulated.config(
        "entries: [{name: a, script: ok.py, ray: {num_gpus: 4}}, {name: b, script: ok.py, ray: {num_gpus: 4}}]"
    )
    simulated.run().assert_outcomes(errors=2)
    assert lease_of(simulated, "a")["released_at"] <= lease_of(simulated, "b")["granted_at"]


def test_order_of_parallel_runs(simulated: Project) -> None:
    """Workers take what fills the machine last; a run in one process keeps the order of the file."""
    simulated.config(
        "object_store_size: 0.1\nentries:\n"
        "  - {name: whole, script: ok.py}\n"
        "  - {name: small, script: ok.py, ray: {num_gpus: 1, num_cpus: 2}}\n"
        "  - {name: large, script: ok.py, ray: {num_gpus: 4, num_cpus: 2}}\n"
    )
    for args, expected in ((("-n", "1"), ["small", "large", "whole"]), ((), ["whole", "small", "large"])):
        simulated.run("--bench-session", f"s{len(args)}", *args).assert_outcomes(passed=3)
        session = simulated.path / "results" / f"s{len(args)}"
        begun = {path.parent.name: path.stat().st_mtime_ns for path in session.glob("*/stdouterr.log")}
        assert sorted(begun, key=lambda name: begun[name]) == expected


def test_narrow_entries_run_side_by_side(simulated: Project) -> None:
    """Two that fit beside one another do so, whatever the file's order: each meets the other one."""
    simulated.config(
        "object_store_size: 0.1\nray: {num_cpus: 2, num_gpus: 0}\nentries:\n"
        "  - {name: wide1, script: ok.py, exclusive: true}\n"
        "  - {name: a, script: meet.py, args: a b}\n"
        "  - {name: wide2, script: ok.py, exclusive: true}\n"
        "  - {name: b, script: meet.py, args: b a}\n"
    )
    result = simulated.run("-n", "2")
    result.assert_outcomes(passed=4)
    a, b = (lease_of(simulated, name) for name in "ab")
    assert max(a["granted_at"], b["granted_at"]) < min(a["released_at"], b["released_at"])
    result.stdout.no_fnmatch_line("*one after the other*")


def test_workers_that_only_wait_for_one_another(two: Project) -> None:
    """One warning, where each entry leases the whole machine."""
    (two.path / "conftest.py").write_text("def pytest_runtestloop(session): raise session.Interrupted('enough')\n")
    result = two.run("-n", "2")
    assert result.stdout.str().count("-n 2 runs these 2 entries one after the other") == 1


def test_dry_run_tells_the_lease(simulated: Project) -> None:
    """What each entry would lease, or that it can't."""
    simulated.config(
        "entries:\n"
        "  - {name: a, script: ok.py}\n"
        "  - {name: b, script: ok.py, ray: {num_gpus: 1, object_store_memory: 100000000}}\n"
        "  - {name: c, script: ok.py, ray: {num_gpus: 5}}\n"
        "  - {name: d, script: ok.py, exclusive: false}\n"
    )
    simulated.run_here("--bench-dry-run").stdout.fnmatch_lines(
        [
            *("a", "  lease: the whole machine"),
            *("b", "  lease: 1 GPU, 8 CPUs, 100 MB of object store"),
            *("c", "  lease: none: it needs 5 GPUs, this machine has 4"),
            *("d", "  lease: a free slot"),
        ]
    )


@pytest.mark.parametrize("args", [(), ("-n", "1")])
def test_a_wrong_simulated_machine(two: Project, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    """One line, and nothing runs."""
    monkeypatch.setenv(SIMULATED_VARIABLE, "gpus=8")
    result = two.run_here(*args)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*CURATOR_BENCH_SIMULATED_MACHINE=gpus=8: found 'gpus=8', expected cpus=NUMBER*"])


@pytest.mark.parametrize("args", [(), ("-n", "1")])
def test_a_lease_directory_that_cannot_be_used(
    two: Project, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    """One line that names the variable, before anything runs."""
    (two.path / "file").touch()
    monkeypatch.setenv("CURATOR_BENCH_LEASES_DIR", str(two.path / "file"))
    result = two.run(*args)
    assert result.ret != 0
    assert not list(two.path.glob("results/*/first"))
    assert "leases can't be kept in" in result.stdout.str() + result.stderr.str()


def test_a_lease_that_cannot_be_had_is_one_sentence(two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps the common state from being read is the entry's error, without a traceback through the plugin."""
    monkeypatch.setenv("CURATOR_BENCH_LEASES_DIR", str(two.path / "leases"))
    (two.path / "leases" / "state.json").mkdir(parents=True)
    (two.path / "leases").chmod(0o700)
    result = two.run("--bench-entry", "first")
    result.assert_outcomes(errors=1)
    assert (two.result("first")["status"], two.result("first")["reason"]) == ("error", "lease")
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*entry_lease.py*")
