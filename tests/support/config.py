# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the configuration share: files from texts, and the nightly files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.config import ConfigError, load_config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_curator_bench.config import BenchConfig

UPSTREAM = Path(__file__).parents[1] / "data" / "upstream"
NIGHTLY = (UPSTREAM / "nightly-benchmark.yaml", UPSTREAM / "nightly-data-setup.yaml")

# The first of them, rewritten.
MATRIX = Path(__file__).parents[2] / "benchmarks" / "examples" / "nightly-matrix.yaml"

# The least that is a configuration; lines 1 to 4.
MINIMAL = """\
results_dir: results
entries:
- name: cc
  script: bench.py
"""


# Every key, each with a value that isn't its default.
EVERYTHING = """\
results_dir: /r
artifacts_dir: "{results_dir}/big"
default_timeout_s: 100
max_timeout_s: 1000
min_timeout_s: 60
cleanup_timeout_s: 5
delete_scratch: false
ray: {num_cpus: 8, num_gpus: 1, enable_object_spilling: true}
object_store_size: 0.5
telemetry: {interval_s: 2}
metrics: [{name: num_x, direction: lower, unit: tries, headline: true, judge: false}]
gpu_stats_recorder: {interval_s: 3}
gpu_mem_use_warning_threshold: 0.01
startup_timeout_s: 60
slurm_max_time_s: 1000
env: {COMMON: "{data}"}
run_reason: nightly
viewer_url_template: http://x/{session_name}
paths: [{name: data, host_path: /data}]
datasets:
- name: d
  formats: [{type: json, path: "{data}/d.json", fingerprint: content}, {type: parquet, path: rel}]
data_setups:
- {name: prep, script: prep.py, args: "--out {data}/x", timeout_s: 50, x-note: mine}
x-anything: [1, 2]
entries:
- name: all
  enabled: true
  script: all.py
  x-why: because
  args: --in {dataset:d,json} --in2 {dataset:d,parquet} --in3 {dataset:d,json}
  timeout_s: 200.5
  env: {A: "{data}"}
  marks: [slow, {flaky: 3}, {depends: [a, b]}, {options: {k: v}}, {bare: null}]
  ray: {num_gpus: 0, scope: session, keep_logs: true, dashboard: true, object_store_memory: 2097152}
  object_store_size: default
  delete_scratch: true
  requirements:
  - {metric: m, min_value: 1, max_value: 2, warn_below: 1.5, judge: all, xfail: known}
  - {metric: b, exact_value: true}
  - {metric: i, exact_value: 3}
  - {metric: f, exact_value: 3.0}
  - {metric: t, exact_value: text}
  sink_data: [{name: slack, ping: [U1], nested: {a: 1}}]
  gpu_mem_use_warning_threshold: 0.2
  startup_timeout_s: 30
  slurm_max_time_s: 900
  repeat: 8
  warmup: 1
  repeat_until_ci: 2%
  exclusive: true
  retries: 1
  retry_on: [timeout, error]
  data_setups: [prep]
- {name: plain, script: plain.py}
- {name: none, script: none.py, ray: false}
- name: grid
  script: grid.py
  matrix:
    executor: [ray_data, xenna]
    size: [1, 2.50]
    exclude: [{executor: xenna, size: 1}]
    include: [{limit: 10}, {executor: xenna, limit: 20}, {executor: xenna, size: 7, limit: 30}]
  args: [--size, "{matrix.size}", "--on={matrix.executor}", "--limit={matrix.limit}"]
  env: {SIZE: "{matrix.size} GB", MODE: {matrix.executor: {ray_data: null, xenna: batch}}}
  timeout_s: "{matrix.limit}"
  marks: ["{matrix.executor}"]
  ray: {num_cpus: "{matrix.limit}"}
  object_store_size: {matrix.executor: {ray_data: 0.25, xenna: default}}
  requirements:
  - {metric: rate, min_value: {matrix.executor: {ray_data: 1, xenna: 2}}, warn_below: "{matrix.limit}"}
  - matrix.executor: {ray_data: null, xenna: {metric: io, max_value: 5}}
  sink_data: [{name: slack, note: "on {matrix.executor}, {{matrix.size}}"}]
"""


def write_files(directory: Path, *texts: str | bytes) -> list[Path]:
    """Write texts to ``a.yaml``, ``b.yaml`` and so on."""
    files = [directory / f"{letter}.yaml" for letter, _ in zip("abcdef", texts, strict=False)]
    for file, text in zip(files, texts, strict=True):
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return files


def load(
    directory: Path, *texts: str | bytes, env: Mapping[str, str] | None = None, strict: bool = False
) -> BenchConfig:
    """Load a configuration from texts, with an environment of its own; files are shown by name."""
    return load_config(
        write_files(directory, *texts),
        environ=env or {},
        strict=strict,
        root_dir=directory / "root",
        display=lambda file: file.name,
    )


def problems(
    directory: Path, *texts: str | bytes, env: Mapping[str, str] | None = None, strict: bool = False
) -> tuple[str, ...]:
    """The problems of a configuration that can't be loaded."""
    with pytest.raises(ConfigError) as caught:
        load(directory, *texts, env=env, strict=strict)
    return caught.value.problems


def problem(directory: Path, *texts: str | bytes, env: Mapping[str, str] | None = None, strict: bool = False) -> str:
    """The only problem of a configuration that can't be loaded."""
    found = problems(directory, *texts, env=env, strict=strict)
    assert len(found) == 1, found
    return found[0]
