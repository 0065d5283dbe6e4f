# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The value of each key that no configuration file gives, here and in NeMo Curator's own runner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

_T = TypeVar("_T")
_D = TypeVar("_D")

ARTIFACTS_DIR = "artifacts"
CLEANUP_TIMEOUT_S = 10.0
DELETE_SCRATCH = True
COMPAT: Final = "nemo-curator"
DELIVER: Final = "between"
FINGERPRINT: Final = "listing"
REPEAT = 1
RETRIES = 0
RETRY_ON = ("timeout", "error")
STARTUP_TIMEOUT_S = 120.0
TELEMETRY_INTERVAL_S = 1.0
TIMEOUT_S = 7200.0
WARMUP = 0
# More than drivers and a display take of a GPU that nobody computes on.
GPU_MEM_USE_WARNING_THRESHOLD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """The defaults that differ between this plugin and NeMo Curator's own runner.

    Attributes:
        max_timeout_s: highest limit that an entry may have, in seconds; ``None``: no such bound.
        startup_timeout_s: limit for the start of a Ray cluster, in seconds.
        cleanup_timeout_s: time for cleaning up, in seconds.
        cleanup_is_grace: whether that is also the time between SIGTERM and SIGKILL.
        min_timeout_s: least wall time of an entry in a plan, in seconds; ``None``: ``min_timeout_s`` is ignored.
        slurm_max_time_s: highest wall time of an entry in a plan, in seconds; ``None``: the key gives the wall time.
        num_gpus: GPUs of a cluster that names none; ``None``: all that the machine has.
        dashboard: whether a cluster has a dashboard; ``None``: where its script needs it.
        has_cluster: whether an entry without a ``ray`` section gets a cluster.
        object_store_size: size of Ray's object store, bytes or a fraction of memory; ``None``: this plugin's choice.
        gpu_mem_use_warning_threshold: fraction of GPU memory, 0 to 1, that may be in use without a warning.
    """

    max_timeout_s: float | None = None
    startup_timeout_s: float = STARTUP_TIMEOUT_S
    cleanup_timeout_s: float = CLEANUP_TIMEOUT_S
    cleanup_is_grace: bool = True
    min_timeout_s: float | None = None
    slurm_max_time_s: float | None = None
    num_gpus: int | None = None
    dashboard: bool | None = None
    has_cluster: bool = False
    object_store_size: int | float | None = None
    gpu_mem_use_warning_threshold: float = GPU_MEM_USE_WARNING_THRESHOLD


OURS = Defaults()
NEMO_CURATOR = Defaults(
    max_timeout_s=14340.0,
    startup_timeout_s=600.0,
    cleanup_timeout_s=60.0,
    cleanup_is_grace=False,
    min_timeout_s=600.0,
    slurm_max_time_s=14400.0,
    num_gpus=0,
    dashboard=True,
    has_cluster=True,
    object_store_size=0.5,
    gpu_mem_use_warning_threshold=0.0,
)


def defaults_for(compat: Literal["nemo-curator"] | None) -> Defaults:
    """Return the defaults that the key ``compat`` chooses."""
    return OURS if compat is None else NEMO_CURATOR


def otherwise(value: _T | None, default: _D) -> _T | _D:
    """Return ``value``, or ``default`` where it is not given."""
    return default if value is None else value
