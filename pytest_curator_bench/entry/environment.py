# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The environment of a script: what it inherits, and the record of it beside the script's results."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import write_json
from pytest_curator_bench._util.masking import MASK, Masker
from pytest_curator_bench.config.secrets import is_secret_variable
from pytest_curator_bench.session.names import SCRIPT_ENV_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from pytest_curator_bench._util.interpreter import Interpreter
    from pytest_curator_bench.clusters.existing.cluster import ExistingCluster
    from pytest_curator_bench.clusters.local.cluster import LocalCluster

__all__ = ["diagnostics", "masker_of", "record_environment", "script_environment"]

# NeMo Curator's switch: with it the scheduler of Ray Data writes its decisions into Ray Data's own log.
_DIAGNOSTICS = {"NEMO_CURATOR_RAY_DATA_DIAGNOSTICS": "1"}


def script_environment(
    own: Mapping[str, str],
    cluster: LocalCluster | ExistingCluster | None,
    *,
    hidden: frozenset[str],
    interpreter: Interpreter | None = None,
) -> dict[str, str]:
    """Return a script's environment.

    Defaults come first, then inherited variables without secrets and ``PYTEST_*``, then the cluster's, then the
    entry's own; later ones take precedence.

    Args:
        own: variables of the entry's lease and config.
        cluster: its Ray cluster, if it has one.
        hidden: names of variables that hold secrets.
        interpreter: the entry's own interpreter, whose environment counts as activated.
    """
    if cluster is not None:
        from pytest_curator_bench.clusters.internals import FOREIGN_CLUSTER_VARIABLES

        hidden = hidden | FOREIGN_CLUSTER_VARIABLES
    inherited = {key: value for key, value in os.environ.items() if key not in hidden and not key.startswith("PYTEST_")}
    if interpreter is not None:
        inherited = interpreter.environment(inherited)
    # Without it the last output of a killed script would be lost in its buffer, and the live view would lag.
    defaults = {"PYTHONUNBUFFERED": "1", **_DIAGNOSTICS}
    return {**defaults, **inherited, **(cluster.script_environment() if cluster is not None else {}), **own}


def diagnostics(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the switches of diagnostics for a script that does not inherit this process's environment."""
    return {name: environ.get(name, value) for name, value in _DIAGNOSTICS.items()}


def record_environment(directory: Path, environment: Mapping[str, str], mask: Callable[[Any], Any]) -> None:
    """Write the variables of a script into ``directory``, by name; raises OSError.

    The value of a variable whose name says that it is secret is masked, wherever it stands.

    Args:
        directory: the entry's directory, or that of one of its runs.
        environment: the script's whole environment.
        mask: hides secrets that are known already.
    """
    variables = sorted(environment.items())
    masked = {name: MASK if is_secret_variable(name, value) else value for name, value in variables}
    write_json(directory / SCRIPT_ENV_NAME, mask(masker_of(environment).mask_data(masked)), durable=False)


def masker_of(environment: Mapping[str, str]) -> Masker:
    """Return what hides the values of a script's variables whose names say that they are secret."""
    return Masker(value for name, value in environment.items() if is_secret_variable(name, value))
