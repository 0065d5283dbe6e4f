# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Each private name of Ray that the package uses is in the Ray that is installed, and a missing one is named."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_curator_bench.clusters import internals
from pytest_curator_bench.clusters.internals import MissingNameError, PrivateName, check_ray_version
from pytest_curator_bench.clusters.local.command import ClusterSpec, start_arguments

PACKAGE_DIR = Path(internals.__file__).parents[1]
PRIVATE_NAMES = {name: value for name, value in vars(internals).items() if isinstance(value, PrivateName)}
VARIABLES = sorted(
    {
        *internals.FOREIGN_CLUSTER_VARIABLES,
        *internals.SINGLE_MACHINE,
        *internals.STATE_LIMITS,
        *internals.ANY_METRIC_PORTS,
        *internals.NO_DRAIN_ON_SIGTERM,
        internals.ALLOW_SLOW_STORE,
        internals.JOB_STOP_WAIT,
    }
)
curator = pytest.mark.curator


@cache
def ray_sources() -> dict[str, str]:
    """The text of Ray's Python modules, by path in its package."""
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    return {str(file.relative_to(root)): file.read_text("utf-8", "replace") for file in root.rglob("*.py")}


def test_no_other_module_knows_them() -> None:
    """Private packages of Ray, and its variable for a single machine, are named in internals.py alone."""
    private = re.compile(r"ray\.(_private|_common|_raylet|core\.generated|data\._internal)|RAY_ENABLE_")
    found = [
        file
        for file in PACKAGE_DIR.rglob("*.py")
        if file != Path(internals.__file__) and private.search(file.read_text())
    ]
    assert found == []


def test_the_harness_does_not_load_ray() -> None:
    """Neither the module nor the version's check imports Ray."""
    code = "import sys; from pytest_curator_bench.clusters import internals; internals.check_ray_version()"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('ray' in sys.modules)"], check=True)


@pytest.mark.parametrize(("version", "is_newer"), [("2.9.3", False), ("2.60.4", False), ("3.0.0.dev0", True)])
def test_a_version_that_was_not_tried(version: str, is_newer: bool) -> None:
    """A newer one is named in a sentence; an older one is a matter of the installation's lower bound."""
    sentence = check_ray_version(version)
    assert (sentence is not None) == is_newer
    assert sentence is None or sentence.startswith(f"Ray {version} is newer than {internals.TRIED_RAY}")


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Ray is not installed there is nothing to warn of."""

    def missing(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert check_ray_version() is None


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (PrivateName("json.gone", "x"), r"json\.gone\.x"),
        (PrivateName("json", "gone"), r"json\.gone"),
        (PrivateName("json", "JSONEncoder", ("encode", "gone")), r"json\.JSONEncoder\.gone"),
    ],
)
def test_a_missing_name_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: PrivateName, missing: str) -> None:
    """It names the version, the name, and what to install."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.99.0")
    with pytest.raises(
        MissingNameError, match=rf"^Ray 2\.99\.0 has no {missing}.*: install Ray {internals.TRIED_RAY},"
    ):
        name.load()


@curator
@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_private_name(name: str) -> None:
    """Ray has it, with all the parts that are used of it."""
    PRIVATE_NAMES[name].load()


@curator
def test_a_missing_field() -> None:
    """A message that has lost a field is found out before it is used."""
    actor = internals.ACTOR._replace(parts=("function_descriptor.gone.module_name",))
    with pytest.raises(MissingNameError, match=r"ActorTableData\.function_descriptor\.gone\.module_name, which"):
        actor.load()


@curator
@pytest.mark.parametrize(
    ("service", "method"),
    [
        ("gcs_service_pb2.ActorInfoGcsService", "KillActorViaGcs"),
        ("node_manager_pb2.NodeManagerService", "GetNodeStats"),
        ("node_manager_pb2.NodeManagerService", "PrestartWorkers"),
    ],
)
def test_rpc(service: str, method: str) -> None:
    """The control service and the raylet have the calls that the inspector makes."""
    module, name = service.split(".")
    messages: Any = importlib.import_module(f"ray.core.generated.{module}")
    assert method in messages.DESCRIPTOR.services_by_name[name].methods_by_name


@curator
@pytest.mark.parametrize("state", internals.LIVE_ACTOR_STATES)
def test_actor_state(state: str) -> None:
    """The names by which live actors are asked for."""
    assert state in internals.ACTOR.load().DESCRIPTOR.enum_types_by_name["ActorState"].values_by_name


@curator
def test_numbers_in_messages() -> None:
    """States that are compared with."""
    assert internals.NODE_DEATH.load().AUTOSCALER_DRAIN_IDLE == internals.DRAINED_IDLE
    assert isinstance(internals.PLACEMENT_GROUP.load().REMOVED, int)


@curator
@pytest.mark.parametrize(("module", "name"), sorted(internals.BOOKKEEPERS))
def test_bookkeeper(module: str, name: str) -> None:
    """Ray Data still defines the actor that is ended after every pipeline."""
    source = ray_sources()[f"{module.removeprefix('ray.').replace('.', '/')}.py"]
    assert re.search(rf"^class {name}\b", source, re.MULTILINE)


@curator
@pytest.mark.parametrize("variable", VARIABLES)
def test_variable(variable: str) -> None:
    """Ray knows it."""
    assert any(variable in text for text in ray_sources().values())


@curator
@pytest.mark.parametrize(
    ("name", "value"),
    {
        "OBJECT_STORE_MINIMUM_MEMORY_BYTES": internals.SMALLEST_STORE_BYTES,
        "DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": internals.LARGEST_DEFAULT_STORE_BYTES,
        "DEFAULT_OBJECT_STORE_MEMORY_PROPORTION": internals.STORE_MEMORY_SHARE,
        "REQUIRE_SHM_SIZE_THRESHOLD": internals.LARGEST_SLOW_STORE_BYTES,
        "SESSION_LATEST": internals.LOGS_DIR.partition("/")[0],
    }.items(),
)
def test_constant(name: str, value: float | str) -> None:
    """What is copied of Ray's own constants is what they are."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    assert getattr(constants, name) == value


@curator
@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("_private/utils.py", f"get_shared_memory_bytes() * {internals.STORE_SHARED_MEMORY_SHARE}"),
        ("_private/node.py", next(iter(internals.NO_SPILLING))),
        ("_common/utils.py", f'"{internals.ADDRESS_FILE}"'),
        ("scripts/scripts.py", "RAY_API_SERVER_ADDRESS='http://{}'"),
        ("scripts/scripts.py", "  {process_type} [exit code={rc_str}]"),
        ("_common/constants.py", internals.HEAD_RESOURCE.removeprefix(internals.NODE_RESOURCE_PREFIX)),
        ("dashboard/utils.py", internals.TERMINATED_IDLE),
    ],
)
def test_wording(file: str, text: str) -> None:
    """What is matched in Ray's output and files is still written there."""
    assert text in ray_sources()[file]


@curator
@pytest.mark.parametrize("name", ["VERSION_PATH", "METADATA_PATH", "NODES_PATH", "STATUS_PATH"])
def test_dashboard_path(name: str) -> None:
    """The dashboard serves it."""
    route = f'"{getattr(internals, name).partition("?")[0]}"'
    assert any(route in text for file, text in ray_sources().items() if file.startswith("dashboard/"))


@curator
@pytest.mark.parametrize("key", ["clusterStatus", "loadMetricsReport", "objectStoreMemory", "pythonVersion"])
def test_dashboard_key(key: str) -> None:
    """The dashboard turns names in snake case into what is read of its answers."""
    snake = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
    assert any(snake in text for text in ray_sources().values())


@curator
@pytest.mark.parametrize(
    "key", ["NodeID", "NodeManagerAddress", "Alive", "DeathReason", "DeathReasonMessage", "Resources"]
)
def test_key_of_a_node(key: str) -> None:
    """What ray.nodes() tells is put together in C++ and Cython."""
    extension = importlib.util.find_spec("ray._raylet")
    assert extension is not None
    assert extension.origin is not None
    assert key.encode() in Path(extension.origin).read_bytes()


@curator
def test_log_prefix() -> None:
    """What precedes messages of ray start in a file is recognised."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    record = logging.LogRecord("ray", logging.INFO, "/ray/scripts.py", 7, "Ray runtime started.", None, None)
    line = logging.Formatter(constants.LOGGER_FORMAT).format(record)
    assert internals.LOG_PREFIX.sub("", line) == "Ray runtime started."


@curator
def test_options_of_the_command() -> None:
    """Ray's command line takes every option that a cluster is started with."""
    source = ray_sources()[f"{internals.COMMAND_MODULE.removeprefix('ray.').replace('.', '/')}.py"]
    source += ray_sources()["autoscaler/_private/cli_logger.py"]
    given = start_arguments(
        ClusterSpec(num_gpus=0), num_cpus=1, object_store_bytes=1, client_server_port=1, temp_dir=Path("/tmp/x")
    )
    names = [argument.partition("=")[0] for argument in given[1:]]
    assert [name for name in names if f'"{name}"' not in source] == []


GONE = "from pytest_curator_bench.clusters import internals as i; i.{name} = i.{name}._replace(name='gone'); "


@curator
def test_the_probe_names_what_is_missing() -> None:
    """Its answer is the sentence, in place of facts."""
    code = GONE.format(name="BOOTSTRAP_ADDRESS")
    code += "from pytest_curator_bench.clusters.existing.probe_program import main; main()"
    command = [sys.executable, "-c", code, "address", "127.0.0.1:1", "60"]
    answer = json.loads(subprocess.check_output(command, text=True))
    assert answer["error"].startswith("Ray ")
    assert "has no ray._private.services.gone" in answer["error"]


@curator
def test_the_inspector_names_what_is_missing(tmp_path: Path) -> None:
    """Its last line is the sentence, which the harness quotes."""
    code = GONE.format(name="NODE_STATS")
    code += "from pytest_curator_bench.clusters.shared.inspector_program import main; main(sys.argv[1])"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; {code}", str(tmp_path / "s")],
            env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Ray ")
    assert "has no ray.core.generated.node_manager_pb2.gone" in last
