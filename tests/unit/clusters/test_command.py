# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Ray's command line, and the environments of cluster and script."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import secrets
import sys
from pathlib import Path

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.clusters.internals import FOREIGN_CLUSTER_VARIABLES
from pytest_curator_bench.clusters.local import command
from pytest_curator_bench.clusters.local.command import ClusterSpec, cluster_environment, script_environment

DONT_WRITE = "PYTHONDONTWRITEBYTECODE"
TOKEN = secrets.token_hex(8)


def arguments(spec: ClusterSpec) -> list[str]:
    """Arguments of a start with these wishes."""
    return command.start_arguments(
        spec,
        num_cpus=3,
        object_store_bytes=10**8,
        client_server_port=20_123,
        temp_dir=Path("/tmp/x"),
    )


def test_a_plain_cluster_is_small_local_and_collides_with_nothing() -> None:
    """No dashboard, loopback only, ports of the kernel's choice but one, no spilling, GPUs left to Ray."""
    given = arguments(ClusterSpec())
    assert {"--head", "--block", "--include-dashboard=false", "--num-cpus=3", "--temp-dir=/tmp/x"} <= set(given)
    assert "--node-ip-address=127.0.0.1" in given
    assert "--object-store-memory=100000000" in given
    assert [word for word in given if "port=" in word and not word.endswith("port=0")] == [
        "--ray-client-server-port=20123"
    ]
    assert '--system-config={"automatic_object_spilling_enabled": false}' in given
    assert not any(word.startswith("--num-gpus") for word in given)


@pytest.mark.parametrize(("version", "is_told"), [("2.50.1", False), ("2.60.0", True)])
def test_an_old_ray_finds_the_port_that_it_will_not_be_told(
    monkeypatch: pytest.MonkeyPatch, version: str, is_told: bool
) -> None:
    """Ray 2.50 refuses 0 for one of the ports, as in an old release's image."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    assert ("--runtime-env-agent-port=0" in arguments(ClusterSpec())) is is_told


def test_wishes_become_arguments() -> None:
    """GPUs as asked for, none included; the dashboard; spilling by leaving Ray's default alone."""
    given = arguments(ClusterSpec(num_gpus=0, dashboard=True, enable_object_spilling=True))
    assert {"--num-gpus=0", "--include-dashboard=true"} <= set(given)
    assert not any(word.startswith("--system-config") for word in given)


def test_the_token_is_never_an_argument() -> None:
    """Everybody can read a command line; the token goes through the environment alone."""
    environment = cluster_environment({}, token=TOKEN, dashboard=False)
    assert environment["RAY_AUTH_TOKEN"] == TOKEN
    assert environment["RAY_AUTH_MODE"] == "token"
    assert not any(TOKEN in word for word in arguments(ClusterSpec()))


def test_other_clusters_are_forgotten() -> None:
    """Where pytest itself runs in a Ray job, our cluster must not join that one; other settings are kept."""
    base = {
        "RAY_ADDRESS": "10.0.0.1:6379",
        "RAY_REDIS_ADDRESS": "10.0.0.1:1",
        "RAY_DEDUP_LOGS": "0",
        "HOME": "/h",
    }
    environment = cluster_environment(base, token=TOKEN, dashboard=False)
    assert not FOREIGN_CLUSTER_VARIABLES & set(environment)
    assert environment["RAY_DEDUP_LOGS"] == "0"
    assert environment["HOME"] == "/h"
    assert base["RAY_ADDRESS"] == "10.0.0.1:6379"


def test_dashboard_settings_only_with_a_dashboard() -> None:
    """Xenna's limits are set for cluster and script where there is a dashboard to ask."""
    with_it = script_environment(address="127.0.0.1:1", token=TOKEN, dashboard_url="http://127.0.0.1:2")
    without = script_environment(address="127.0.0.1:1", token=TOKEN, dashboard_url=None)
    limits = {"RAY_MAX_LIMIT_FROM_API_SERVER": "40000", "RAY_MAX_LIMIT_FROM_DATA_SOURCE": "40000"}
    assert with_it == without | limits | {"RAY_API_SERVER_ADDRESS": "http://127.0.0.1:2"}
    assert without["RAY_ADDRESS"] == "127.0.0.1:1"
    assert without["RAY_AUTH_TOKEN"] == TOKEN
    assert limits.items() <= cluster_environment({}, token=TOKEN, dashboard=True).items()
    assert not limits.keys() & cluster_environment({}, token=TOKEN, dashboard=False).keys()


@pytest.fixture
def package_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that stands for Ray's, installed without byte code."""
    package = tmp_path / "ray"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.setattr(command, "_package_dir", lambda interpreter: package)
    return package


def test_byte_code_of_a_compiled_ray_is_left_alone(package_dir: Path) -> None:
    """Whoever forbids writing byte code is obeyed where it costs nothing."""
    compiled = Path(importlib.util.cache_from_source(str(package_dir / "__init__.py")))
    compiled.parent.mkdir()
    compiled.touch()
    environment = cluster_environment({DONT_WRITE: "1"}, token=TOKEN, dashboard=False)
    assert environment[DONT_WRITE] == "1"
    assert "PYTHONPYCACHEPREFIX" not in environment


def test_a_ray_without_byte_code_may_write_it(package_dir: Path) -> None:
    """Otherwise every start would compile all of Ray again; next to its sources where those are writable."""
    del package_dir
    environment = cluster_environment({DONT_WRITE: "1"}, token=TOKEN, dashboard=False)
    assert DONT_WRITE not in environment
    assert "PYTHONPYCACHEPREFIX" not in environment


def test_byte_code_goes_to_the_cache_where_ray_is_not_writable(
    package_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only installation leaves its byte code in the user's cache directory."""
    del package_dir
    monkeypatch.setattr("os.access", lambda *_: False)
    environment = cluster_environment({"XDG_CACHE_HOME": "/cache"}, token=TOKEN, dashboard=False)
    assert environment["PYTHONPYCACHEPREFIX"] == "/cache/pytest-curator-bench/byte-code"


def test_ray_is_found_next_to_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's own command first, then the module, then one sentence on what to install."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / "ray").touch(mode=0o755)
    assert command.find_ray_command() == [str(tmp_path / "ray")]
    (tmp_path / "ray").unlink()
    monkeypatch.setattr(command, "_package_dir", lambda interpreter: tmp_path)
    assert command.find_ray_command() == [str(tmp_path / "python"), "-m", "ray.scripts.scripts"]
    monkeypatch.setattr(command, "_package_dir", lambda interpreter: None)
    with pytest.raises(ClusterError, match=r"Ray is not installed for .*pip install"):
        command.find_ray_command()
