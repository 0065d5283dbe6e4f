#!/usr/bin/env python3
# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the plugin costs, each figure beside its baseline from the same run.

    python perf/compare.py                      all of them
    python perf/compare.py entry collection     some

Machines are noisy: every figure is a median over interleaved repetitions, and what counts is the ratio.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOOP_SCRIPT = """
import json, pathlib, pickle, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"rate_per_sec": 1.0}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
"""

RAY_TASK = "assert ray.get(ray.remote(lambda: 42).remote()) == 42"

RAY_SCRIPT = """
import json, os, pathlib, pickle, sys
import ray
ray.init(address=os.environ["RAY_ADDRESS"], logging_level="ERROR")
RAY_TASK
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"answer": 42}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
""".replace("RAY_TASK", RAY_TASK)


def timed(command: Sequence[str], cwd: Path, *, expected: int = 0) -> float:
    """Wall time of a command in seconds; raises if it fails, because a failing run measures nothing."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - begun
    if done.returncode != expected:
        raise SystemExit(f"{command}: exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return taken


def pytest_command(*args: str) -> list[str]:
    """Pytest as a user calls it, without what other plugins of this environment would add."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *args]


def project(directory: Path, name: str, entries: str, script: str) -> Path:
    """A benchmark project with one script."""
    root = directory / name
    (root / "scripts").mkdir(parents=True)
    (root / "scripts" / "script.py").write_text(script)
    (root / "config.yaml").write_text(f"results_dir: results\nentries:\n{entries}")
    (root / "pytest.ini").write_text("[pytest]\n")
    return root


def interleaved(repeat: int, **measures: Callable[[], float]) -> dict[str, float]:
    """Median of each measure over ``repeat`` rounds, so that drift meets all of them alike."""
    samples: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeat):
        for name, measure in measures.items():
            samples[name].append(measure())
    return {name: statistics.median(values) for name, values in samples.items()}


def entry_cost(directory: Path, repeat: int) -> None:
    """Cost of one no-op entry: (T50 - T1) / 49, under pytest and in a bare loop over the same commands."""
    roots = {
        count: project(
            directory,
            f"noop{count}",
            "".join(f"  - {{name: e{number}, script: script.py}}\n" for number in range(count)),
            NOOP_SCRIPT,
        )
        for count in (1, 50)
    }

    def harness(count: int) -> Callable[[], float]:
        return lambda: timed(pytest_command("--bench-config", "config.yaml"), roots[count])

    def bare(count: int) -> Callable[[], float]:
        def loop() -> float:
            begun = time.perf_counter()
            for number in range(count):
                out = roots[count] / "bare" / str(number)
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir(parents=True)
                with (out / "stdouterr.log").open("wb") as log:
                    subprocess.run(
                        [sys.executable, "scripts/script.py", "--benchmark-results-path", str(out)],
                        cwd=roots[count],
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        stdin=subprocess.DEVNULL,
                        check=True,
                    )
            return time.perf_counter() - begun

        return loop

    medians = interleaved(repeat, pytest_50=harness(50), pytest_1=harness(1), bare_50=bare(50), bare_1=bare(1))
    ours = (medians["pytest_50"] - medians["pytest_1"]) / 49
    theirs = (medians["bare_50"] - medians["bare_1"]) / 49
    print(
        f"no-op entry: {ours * 1e3:.1f} ms, bare loop {theirs * 1e3:.1f} ms: "
        f"{(ours - theirs) * 1e3:+.1f} ms (goal: at most +20), ratio {ours / theirs:.2f}"
    )


def collection_cost(directory: Path, repeat: int, count: int = 10_000) -> None:
    """Collecting many entries, less the parse of their file, over pytest's time for as many functions."""
    entries = "".join(
        f"  - name: entry_{number}\n    script: script.py\n"
        f"    args: --size {number} --out {{session_entry_dir}}/o\n"
        f"    timeout_s: {100 + number % 50}\n    env: {{A: b{number}}}\n    ray: {{num_cpus: 2}}\n"
        for number in range(count)
    )
    root = project(directory, "many", entries, NOOP_SCRIPT)
    tests = directory / "functions"
    tests.mkdir()
    (tests / "pytest.ini").write_text("[pytest]\n")
    (tests / "test_many.py").write_text(
        f"import pytest\n@pytest.mark.parametrize('x', range({count}))\ndef test_x(x): pass\n"
    )
    parse = (
        "import time, yaml; begun = time.perf_counter(); yaml.load(open('config.yaml'), yaml.CSafeLoader)\n"
        "print(time.perf_counter() - begun)"
    )

    def bare_parse() -> float:
        done = subprocess.run([sys.executable, "-c", parse], cwd=root, capture_output=True, text=True, check=True)
        return float(done.stdout)

    medians = interleaved(
        repeat,
        ours=lambda: timed(pytest_command("--bench-config", "config.yaml", "--collect-only", "-qq"), root),
        parse=bare_parse,
        functions=lambda: timed(pytest_command("--collect-only", "-qq", "test_many.py"), tests),
    )
    ratio = (medians["ours"] - medians["parse"]) / medians["functions"]
    print(
        f"collection of {count:,} entries: {medians['ours']:.2f} s, less the bare parse "
        f"{medians['parse']:.2f} s, over {medians['functions']:.2f} s for as many functions: "
        f"ratio {ratio:.2f} (goal: under 2)"
    )


def cluster_cost(directory: Path, repeat: int) -> None:
    """An entry with a fresh Ray cluster, over `ray start` + script + SIGKILL of its session done by hand."""
    root = project(
        directory,
        "ray",
        "  - {name: e0, script: script.py, ray: {num_cpus: 2, object_store_memory: 100000000}}\n",
        RAY_SCRIPT,
    )
    one = project(directory, "ray_none", "  - {name: e0, script: script.py}\n", NOOP_SCRIPT)
    medians = interleaved(
        repeat,
        ours=lambda: timed(pytest_command("--bench-config", "config.yaml"), root),
        start_up=lambda: timed(pytest_command("--bench-config", "config.yaml"), one),
        bare=lambda: bare_cluster(root),
    )
    ours = medians["ours"] - medians["start_up"]
    print(
        f"fresh-cluster entry: {ours:.2f} s, by hand {medians['bare']:.2f} s: "
        f"ratio {ours / medians['bare']:.2f} (goal: 1.2)"
    )


def scope_cost(directory: Path, repeat: int, count: int = 10) -> None:
    """Small Ray entries on one shared cluster, over as many on a fresh cluster each, both under pytest.

    One round for every three asked for: each has ten entries in it. What a script itself takes (Ray's import, the
    connection, its end) is the same on both sides and bounds the ratio from below.
    """
    for kind, work in {"connect to it": "ray.cluster_resources()", "run one task on it": RAY_TASK}.items():
        roots = {
            scope: project(
                directory,
                f"{scope}_{len(work)}",
                "".join(
                    f"  - {{name: e{number}, script: script.py, ray: {{scope: {scope}, num_cpus: 1,"
                    f" object_store_memory: 100000000}}}}\n"
                    for number in range(count)
                ),
                RAY_SCRIPT.replace(RAY_TASK, f"{work}\nray.shutdown()"),
            )
            for scope in ("entry", "session")
        }
        medians = interleaved(
            max(1, repeat // 3),
            fresh=partial(timed, pytest_command("--bench-config", "config.yaml"), roots["entry"]),
            shared=partial(timed, pytest_command("--bench-config", "config.yaml"), roots["session"]),
        )
        print(
            f"{count} Ray entries that {kind}: {medians['shared']:.1f} s with scope: session, {medians['fresh']:.1f} s "
            f"with a fresh cluster each: ratio {medians['shared'] / medians['fresh']:.2f} (goal: under 0.25)",
            flush=True,
        )


def bare_cluster(root: Path) -> float:
    """The least that a fresh cluster costs: start, run, kill its session, see it gone."""
    begun = time.perf_counter()
    temp = Path(tempfile.mkdtemp(prefix="bare", dir="/tmp"))  # Ray's socket paths must be short
    log = temp / "log"
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    with log.open("wb") as output:
        head = subprocess.Popen(
            [
                *(
                    str(Path(sys.executable).with_name("ray")),
                    "start",
                    "--head",
                    "--block",
                    "--port",
                    "26379",
                ),
                *("--include-dashboard=false", "--num-cpus=2", "--object-store-memory=100000000"),
                *("--node-ip-address=127.0.0.1", f"--temp-dir={temp}/r", "--disable-usage-stats"),
            ],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while b"Ray runtime started" not in log.read_bytes():
            if head.poll() is not None:
                raise SystemExit(log.read_text())
            time.sleep(0.02)
        out = root / "bare"
        out.mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "scripts/script.py", "--benchmark-results-path", str(out)],
            cwd=root,
            env={**environment, "RAY_ADDRESS": "127.0.0.1:26379"},
            capture_output=True,
            check=True,
        )
    finally:
        end_session(head)
    taken = time.perf_counter() - begun
    shutil.rmtree(temp, ignore_errors=True)
    return taken


def end_session(head: subprocess.Popen[bytes]) -> None:
    """SIGKILL every process of the head's session, and wait until none is left."""
    import psutil

    def members() -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == head.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.Error):
                continue
        return found

    while True:
        left = members()
        for process in left:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.Error:
                continue
        if head.poll() is not None and not left:
            return
        time.sleep(0.01)


MEASURES: dict[str, Callable[[Path, int], None]] = {
    "entry": entry_cost,
    "collection": collection_cost,
    "cluster": cluster_cost,
    "scope": scope_cost,
}


def main() -> None:
    """Run the measures that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], help="which; all if none is named")
    parser.add_argument("--repeat", type=int, default=3, help="rounds to take the median of")
    args = parser.parse_args()
    for name in args.measures or MEASURES:
        with tempfile.TemporaryDirectory(prefix="curator-bench-perf-") as directory:
            MEASURES[name](Path(directory), args.repeat)


if __name__ == "__main__":
    main()
