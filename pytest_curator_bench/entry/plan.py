# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What running an entry's script takes: command, environment, limits, and the parameters laid out for it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.interpreter import script_command, script_python
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.entry.environment import script_environment
from pytest_curator_bench.session.nemo_curator_files import params_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster
    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.resources.registry import Lease

__all__ = ["EntryPlan", "build_command", "params_of", "plan_entry", "script_arguments"]

RESULTS_PATH_OPTION = "--benchmark-results-path"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPlan:
    """All that is needed to run one script.

    Attributes:
        name: the entry's name.
        session_name: the session's name.
        nodeid: pytest's name of the item; empty without pytest.
        entry_dir: existing directory for logs and the three files.
        command: argument list.
        environment: the environment of the process that is started here.
        recorded_environment: the script's, where that is another one: it runs elsewhere.
        working_dir: the script's working directory.
        timeout_s: limit on the script's wall time, in seconds; ``None`` while somebody debugs.
        configured_timeout_s: the entry's limit, for the record.
        grace_s: seconds between SIGTERM and SIGKILL when the entry is ended.
        params: laid out in ``params.json`` beforehand.
        marks: names of the entry's marks.
        sink_data: settings for sinks.
        cpus: the CPUs that the script may run on; ``None`` for those of this process.
        datasets: records of the datasets that it uses, for the result.
        hands_in_files: whether the script is to write the three files; one that prepares data does not.
        mask: hides secrets in what is kept of the three files.
    """

    name: str
    session_name: str
    entry_dir: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    working_dir: Path
    timeout_s: float | None
    configured_timeout_s: float
    grace_s: float
    nodeid: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    marks: Sequence[str] = ()
    sink_data: Mapping[str, Any] = field(default_factory=dict)
    cpus: Sequence[int] | None = None
    datasets: Sequence[dict[str, Any]] = ()
    hands_in_files: bool = True
    mask: Callable[[Any], Any] = lambda data: data
    recorded_environment: Mapping[str, str] | None = None


def plan_entry(
    entry: Entry,
    bench_config: BenchConfig,
    *,
    session_name: str,
    nodeid: str,
    entry_dir: Path,
    scratch_dir: Path,
    working_dir: Path,
    lease: Lease,
    cluster: LocalCluster | ExistingCluster | None,
    timeout_s: float | None,
    datasets: Sequence[dict[str, Any]],
    mask: Callable[[Any], Any],
) -> EntryPlan:
    """Plan one run of an entry.

    Args:
        entry: the entry.
        bench_config: the config that it comes from.
        session_name: the session's name.
        nodeid: pytest's name of the item.
        entry_dir: where this run's files go.
        scratch_dir: this run's scratch directory.
        working_dir: where the script runs.
        lease: the CPUs and GPUs that it may use.
        cluster: its Ray cluster, if it has one.
        timeout_s: limit on its wall time, in seconds; ``None`` while somebody debugs.
        datasets: records of the session's datasets.
        mask: hides secrets in what is kept of the three files.
    """
    resolved = bench_config.command_values(entry, session_entry_dir=entry_dir, scratch_dir=scratch_dir)
    used = {(use.name, use.format) for use in entry.datasets_used}
    own = {**lease.environment(), **resolved.env}
    params = params_of(entry)
    if bench_config.compat is not None:
        params |= params_keys(entry, num_cpus=len(lease.cpus) or os.cpu_count() or 1)
    return EntryPlan(
        name=entry.name,
        session_name=session_name,
        nodeid=nodeid,
        entry_dir=entry_dir,
        command=build_command(find_script(resolved), resolved.args, entry_dir, python=script_python(entry.interpreter)),
        environment=script_environment(
            own, cluster, hidden=bench_config.secret_variables, interpreter=entry.interpreter
        ),
        working_dir=working_dir,
        timeout_s=timeout_s,
        configured_timeout_s=entry.timeout_s,
        grace_s=bench_config.grace_s,
        params=params,
        marks=[mark.name for mark in entry.marks],
        sink_data=entry.sink_data,
        cpus=lease.affinity,
        datasets=[record for record in datasets if (record["name"], record["format"]) in used],
        mask=mask,
    )


def build_command(script: Path, args: Sequence[str], entry_dir: Path, *, python: str | None = None) -> list[str]:
    """Return the entry's command, with ``python`` as its interpreter if that is given."""
    return [*script_command(script, python), *script_arguments(args, entry_dir)]


def script_arguments(args: Sequence[str], entry_dir: Path) -> list[str]:
    """Return the script's arguments: the results path is added only where they don't carry it."""
    if any(arg == RESULTS_PATH_OPTION or arg.startswith(f"{RESULTS_PATH_OPTION}=") for arg in args):
        return list(args)
    return [*args, RESULTS_PATH_OPTION, str(entry_dir)]


def params_of(entry: Entry) -> dict[str, Any]:
    """Return what is laid out in ``params.json`` before the script starts."""
    ray = entry.ray.model_dump(exclude_none=True) if entry.ray is not None else None
    matrix = {"matrix": dict(entry.matrix)} if entry.matrix else {}
    return {"entry": entry.name, "timeout_s": entry.timeout_s, "ray": ray, **matrix}
