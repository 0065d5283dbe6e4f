# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The names by which tools of NeMo Curator's own runner read a session's files, written beside ours (key ``compat``).

No other module knows them but ``nemo_curator_sessions.py``, which reads that runner's own files, and keys of the
configuration. Where both have a name for one thing, and the same type, there is one key. Only ``run_id`` means
something else there: theirs is written, and the signature of ``results.json`` moves to ``signed_by``.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from pytest_curator_bench.machine.hardware import read_memory
from pytest_curator_bench.session.checkouts import read_checkout
from pytest_curator_bench.session.names import LOG_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_curator_bench.config.model import BenchConfig, Entry
    from pytest_curator_bench.results.record import EntryResult

__all__ = [
    "GPU_STATS",
    "NemoEnvironmentDict",
    "NemoResultDict",
    "environment_keys",
    "link_logs",
    "params_keys",
    "result_data",
]

LOGS_DIR = "logs"
# The key of a result's resources that holds the GPUs' memory before the entry: nothing else records it.
GPU_STATS = "gpu_stats"
TIMED_OUT = 124
NEVER_RAN = -1
UNKNOWN = "unknown"
_BOUNDS = {"exact_value": "!=", "min_value": "<", "max_value": ">"}


class NemoResultDict(TypedDict):
    """What ``results.json`` has beside our keys."""

    run_id: str
    cmd: str
    exec_started_at: float
    exit_code: int
    timed_out: bool
    logs_dir: str
    ray_cluster_data: dict[str, float]
    gpu_stats: dict[str, dict[str, Any]]
    metrics: dict[str, Any]
    params: dict[str, Any]
    requirements_not_met: dict[str, str]


class NemoEnvironmentDict(TypedDict):
    """What ``env.json`` has beside our keys; ``image_digest`` is ours where it is known."""

    total_system_memory_bytes: int
    shm_size_bytes: int
    ray_version: str
    git_commit: str
    image_digest: str
    python_version: str
    executable: str
    cuda_visible_devices: str
    object_store_size: int | str
    packages_txt: str
    run_reason: NotRequired[str]


# --- results.json ---


def result_data(result: EntryResult, compat: str | None) -> dict[str, Any]:
    """Return what is written of a result, without its signature.

    Args:
        result: the result.
        compat: the configuration's key; ``None`` for our own keys alone.
    """
    own: dict[str, Any] = {**result.to_dict()}
    return own if compat is None else {**own, **_result_keys(own)}


def _result_keys(own: Mapping[str, Any]) -> NemoResultDict:
    began = own["started_at"]
    started_at = datetime.fromisoformat(began).timestamp() if began else time.time()
    return {
        "run_id": f"{own['name']}-{int(started_at)}",
        "cmd": own["command_line"],
        "exec_started_at": started_at,
        "exit_code": _exit_code(own),
        "timed_out": own["timeout"],
        "logs_dir": str(Path(own["entry_dir"], LOGS_DIR)),
        "ray_cluster_data": _cluster_resources(own["resources"]),
        "gpu_stats": own["resources"].get(GPU_STATS, {}),
        "metrics": {**own["script_metrics"], **own["task_metrics"]},
        "params": own["script_params"],
        "requirements_not_met": _not_met(own),
    }


def _exit_code(own: Mapping[str, Any]) -> int:
    """Return the exit status as Python's subprocess gives it, or that of a time limit; -1 where nothing ran."""
    if own["timeout"]:
        return TIMED_OUT
    if own["signal"] is not None:
        return -_signal_number(own["signal"])
    return NEVER_RAN if own["returncode"] is None else int(own["returncode"])


def _signal_number(name: str) -> int:
    with contextlib.suppress(KeyError):
        return signal.Signals[name].value
    digits = "".join(filter(str.isdigit, name))
    return int(digits[:3] or 1)


def _cluster_resources(resources: Mapping[str, Any]) -> dict[str, float]:
    """Return the cluster's resources by Ray's names."""
    ray = resources.get("ray") or {}
    if "resources" in ray:  # a cluster that was running already
        return {name: float(amount) for name, amount in ray["resources"].items()}
    lease = resources.get("lease") or {}
    gpus = ray.get("num_gpus")
    amounts = {
        "CPU": ray.get("num_cpus"),
        "GPU": len(lease.get("gpus", ())) if ray and gpus is None else gpus,
        "object_store_memory": ray.get("object_store_bytes"),
    }
    return {name: float(amount) for name, amount in amounts.items() if amount}


def _not_met(own: Mapping[str, Any]) -> dict[str, str]:
    """Return why requirements are not met, by metric; known misses count where they fail the entry."""
    if own["success"]:
        return {}
    missed = [verdict for verdict in own["requirements"] if not verdict["met"]]
    counted = [verdict for verdict in missed if verdict["xfail"] is None] or missed
    return {verdict["metric"]: _why_not(verdict) for verdict in counted}


def _why_not(verdict: Mapping[str, Any]) -> str:
    metric, sign = verdict["metric"], _BOUNDS.get(verdict["bound"])
    if verdict["actual"] is None or sign is None:
        return f"{metric} not found in metrics" if verdict["actual"] is None else str(verdict["sentence"])
    return f"{metric} {sign} {verdict['limit']}"


def link_logs(entry_dir: Path) -> None:
    """Let logs be found in ``logs/``, too; never raises. What a script has put there stays."""
    with contextlib.suppress(OSError):
        directory = entry_dir / LOGS_DIR
        directory.mkdir(exist_ok=True)
        if directory.is_symlink():
            return
        for name in (LOG_NAME, "ray.log"):
            if name == LOG_NAME or (entry_dir / name).exists():
                with contextlib.suppress(FileExistsError):
                    (directory / name).symlink_to(f"../{name}")


# --- params.json ---


def params_keys(entry: Entry, *, num_cpus: int) -> dict[str, Any]:
    """Return what ``params.json`` begins with beside our keys.

    Args:
        entry: the entry.
        num_cpus: CPUs of its cluster, if it does not name them.
    """
    ray, size = entry.ray, entry.object_store_size
    if isinstance(size, float):
        size = int(size * read_memory().effective_bytes)
    return {
        "object_store_size_bytes": ray.object_store_memory if ray and ray.object_store_memory else size,
        "ray_num_cpus": num_cpus if ray is None or ray.num_cpus is None else ray.num_cpus,
        "ray_num_gpus": 0 if ray is None or ray.num_gpus is None else ray.num_gpus,
        "ray_enable_object_spilling": bool(ray and ray.enable_object_spilling),
        "entry_timeout_s": entry.timeout_s,
    }


# --- env.json ---


def environment_keys(own: Mapping[str, Any], config: BenchConfig, packages_file: Path) -> NemoEnvironmentDict:
    """Return what ``env.json`` has beside our keys.

    Args:
        own: our keys.
        config: the configuration.
        packages_file: where ``packages.txt`` lies.
    """
    memory_bytes = own["memory"]["effective_bytes"]
    size = config.object_store_size
    keys: NemoEnvironmentDict = {
        "total_system_memory_bytes": memory_bytes,
        "shm_size_bytes": (own["shared_memory"] or {}).get("total_bytes", 0),
        "ray_version": own["versions"]["ray"] or "not_installed",
        "git_commit": _commit(own, config.curator_repo_dir),
        "image_digest": own["image_digest"] or UNKNOWN,
        "python_version": own["versions"]["python"],
        "executable": own["python_executable"],
        "cuda_visible_devices": _gpu_models(gpu["name"] for gpu in own["gpus"]),
        "object_store_size": int(size * memory_bytes) if isinstance(size, float) else size or "default",
        "packages_txt": str(packages_file),
    }
    if own["reason"]:
        keys["run_reason"] = own["reason"]
    return keys


def _commit(own: Mapping[str, Any], curator_repo_dir: Path | None) -> str:
    """Return NeMo Curator's commit, or else that of the project."""
    if own["nemo_curator_git"] is not None:
        return own["nemo_curator_git"]["commit"] or UNKNOWN
    checkout = None
    if curator_repo_dir is not None and (curator_repo_dir / ".git").exists():
        checkout = read_checkout(curator_repo_dir)
    commit = checkout.commit if checkout is not None else (own["git"] or {}).get("commit")
    return commit or UNKNOWN


def _gpu_models(names: Iterable[str | None]) -> str:
    counts = Counter(name or UNKNOWN for name in names)
    return ", ".join(f"{count}X {name}" for name, count in counts.items()) or "No GPUs found"
