# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""How a local cluster is started: Ray's command line and the environments of the cluster and of its script."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.interpreter import script_python
from pytest_curator_bench.clusters import internals
from pytest_curator_bench.clusters.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_curator_bench._util.interpreter import Interpreter

__all__ = [
    "LOOPBACK",
    "ClusterSpec",
    "cluster_environment",
    "find_ray_command",
    "script_environment",
    "start_arguments",
]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """What is asked of a local cluster.

    Attributes:
        num_cpus: CPUs that Ray believes in, which may be more than there are; ``None`` for those there are.
        num_gpus: GPUs likewise; ``None`` leaves it to Ray, which counts those it sees.
        object_store_bytes: size of the object store; ``None`` for 30 % of memory (see
            :func:`~pytest_curator_bench.clusters.local.object_store.plan_object_store`).
        dashboard: whether to start the dashboard, which Xenna needs, and which doubles a start's length.
        enable_object_spilling: whether Ray moves objects to disk when the store is full. Without it, what
            finds no room within two seconds is put into mapped files in Ray's temporary directory.
        interpreter: the environment that Ray is started from; ``None`` for that of all entries.
    """

    num_cpus: int | None = None
    num_gpus: int | None = None
    object_store_bytes: int | None = None
    dashboard: bool = False
    enable_object_spilling: bool = False
    interpreter: Interpreter | None = None


def find_ray_command(interpreter: Interpreter | None = None) -> list[str]:
    """Ray's command line in the environment of the interpreter that runs scripts, without importing Ray.

    Args:
        interpreter: the entry's own interpreter, if it has one.

    Raises:
        ClusterError: if Ray is not installed.
    """
    # The interpreter's path is not resolved: in a virtual environment it is a link out of it.
    python = script_python(interpreter)
    script = Path(python).with_name("ray")
    if script.is_file() and os.access(script, os.X_OK):
        return [str(script)]
    if _package_dir(interpreter) is not None:
        return [python, "-m", internals.COMMAND_MODULE]
    raise ClusterError(f"Ray is not installed for {python}: pip install 'pytest-curator-bench[curator]' installs it.")


def start_arguments(
    spec: ClusterSpec, *, num_cpus: int, object_store_bytes: int, client_server_port: int, temp_dir: Path
) -> list[str]:
    """Arguments of Ray's command line that start the cluster in the foreground.

    Each component binds a port that the kernel chooses for it (0), on the loopback interface.
    """
    arguments = ["start", "--head", "--block", "--disable-usage-stats", "--log-color=false"]
    arguments += [f"--node-ip-address={LOOPBACK}", f"--temp-dir={temp_dir}"]
    arguments += [f"--num-cpus={num_cpus}", f"--object-store-memory={object_store_bytes}"]
    if spec.num_gpus is not None:
        arguments.append(f"--num-gpus={spec.num_gpus}")
    arguments += [f"--include-dashboard={str(spec.dashboard).lower()}", f"--dashboard-host={LOOPBACK}"]
    version = spec.interpreter.ray_version if spec.interpreter is not None else None
    arguments += [f"--{name}=0" for name in internals.kernel_chosen_ports(version)]
    arguments.append(f"--ray-client-server-port={client_server_port}")
    if not spec.enable_object_spilling:
        arguments.append("--system-config=" + json.dumps(internals.NO_SPILLING))
    return arguments


def cluster_environment(
    base: Mapping[str, str], *, token: str, dashboard: bool, interpreter: Interpreter | None = None
) -> dict[str, str]:
    """Environment of the cluster's processes, workers included.

    Args:
        base: what the cluster inherits.
        token: secret without which nobody can connect.
        dashboard: whether the cluster has a dashboard.
        interpreter: the interpreter that Ray is started from, if it is the entry's own.
    """
    environment = {name: value for name, value in base.items() if name not in internals.FOREIGN_CLUSTER_VARIABLES}
    environment |= _authentication(token) | internals.SINGLE_MACHINE
    environment |= internals.ANY_METRIC_PORTS | internals.NO_DRAIN_ON_SIGTERM
    if dashboard:
        environment |= internals.STATE_LIMITS
    package_dir = _package_dir(interpreter)
    if package_dir is not None and not _is_compiled(package_dir):
        _let_byte_code_be_kept(environment, package_dir)
    return environment


def script_environment(*, address: str, token: str, dashboard_url: str | None) -> dict[str, str]:
    """What a script needs in its environment, and nobody else, to run on the cluster."""
    environment = {"RAY_ADDRESS": address} | _authentication(token) | internals.SINGLE_MACHINE
    environment["RAY_USAGE_STATS_ENABLED"] = "0"
    if dashboard_url is not None:
        environment |= internals.STATE_LIMITS | {"RAY_API_SERVER_ADDRESS": dashboard_url}
    return environment


def _authentication(token: str) -> dict[str, str]:
    # The mode is always set: left open, it depends on whether ~/.ray/auth_token exists, and on the command.
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


def _package_dir(interpreter: Interpreter | None) -> Path | None:
    """Where the package ``ray`` is installed."""
    if interpreter is not None:
        return Path(interpreter.ray_dir) if interpreter.ray_dir is not None else None
    found = importlib.util.find_spec("ray")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def _is_compiled(package_dir: Path) -> bool:
    """Whether the package was compiled to byte code when it was installed."""
    return Path(importlib.util.cache_from_source(str(package_dir / "__init__.py"))).exists()


def _let_byte_code_be_kept(environment: dict[str, str], package_dir: Path) -> None:
    """Let the first start of a Ray that was installed without byte code leave it for the next ones.

    Compiling makes up most of such a start, and uv does not do it when it installs.
    """
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if not os.access(package_dir, os.W_OK):
        cache_dir = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        environment.setdefault("PYTHONPYCACHEPREFIX", str(cache_dir / "pytest-curator-bench" / "byte-code"))
