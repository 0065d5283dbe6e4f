# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Keys of NeMo Curator's files that have newer names, or no meaning any more: accepted here, known nowhere else."""

from __future__ import annotations

from typing import cast

from pytest_curator_bench.config.problems import Problem
from pytest_curator_bench.config.schema_models import ConfigModel, Duration, PathModel, PathText, Telemetry, optional
from pytest_curator_bench.config.yaml.nodes import YamlList, YamlMapping

_PATHS = ("results_path", "datasets_path", "model_weights_path")
_PATH = "Deprecated: an item of `paths`."


class ConfigFile(ConfigModel):
    """A configuration of pytest-curator-bench, all files merged."""

    gpu_stats_recorder: Telemetry | None = optional("Older name of `telemetry`, which overrides it.")
    min_timeout_s: Duration | None = optional("With `compat` the least wall time of the plan, else ignored.")
    results_path: PathText | None = optional(_PATH, json_schema_extra={"deprecated": True})
    datasets_path: PathText | None = optional(_PATH, json_schema_extra={"deprecated": True})
    model_weights_path: PathText | None = optional(_PATH, json_schema_extra={"deprecated": True})


def modernized(written: ConfigFile, data: YamlMapping) -> tuple[ConfigModel, YamlMapping, list[Problem]]:
    """Write older keys as today's ones.

    Args:
        written: the checked configuration.
        data: the data that it was made of.

    Returns:
        both without older keys, and warnings.
    """
    warnings: list[Problem] = []
    items = cast("YamlList", data.get("paths") or YamlList(data.place)).copied()
    paths = {path.name: path for path in written.paths or ()}
    for name in _PATHS:
        host_path: str | None = getattr(written, name)
        if host_path is None:
            continue
        place = data.places[name]
        remedy = (
            ", and ignored because paths has an item of that name"
            if name in paths
            else ": write it as an item of paths"
        )
        warnings.append(Problem(place, "", f"the key {name} is deprecated{remedy}"))
        if name not in paths:
            paths[name] = PathModel(name=name, host_path=host_path)
            item = YamlMapping(place)
            item.put("host_path", host_path, place)
            items.put(item, place)
    telemetry, older = written.telemetry, written.gpu_stats_recorder
    if older is not None and (telemetry is None or telemetry.interval_s is None):
        telemetry = older
    model = written.model_copy(update={"paths": tuple(paths.values()), "telemetry": telemetry})
    changed = data.copied()
    changed.put("paths", items, data.places.get("paths", data.place))
    return model, changed, warnings
