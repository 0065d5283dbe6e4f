# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``curator-bench plan``: the merged, resolved configuration for what generates CI jobs from it."""

from __future__ import annotations

import json
import math
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench._util.text import format_seconds
from pytest_curator_bench.cli.arguments import whole_number
from pytest_curator_bench.cli.files import add_file_arguments, display, load_files
from pytest_curator_bench.cli.output import print_whole
from pytest_curator_bench.config import ConfigError
from pytest_curator_bench.config.defaults import otherwise
from pytest_curator_bench.config.model import find_script
from pytest_curator_bench.config.secrets import masked_variables
from pytest_curator_bench.entry.plan import build_command
from pytest_curator_bench.entry.resources import runs_alone
from pytest_curator_bench.results.json_schema import DIALECT, object_schema
from pytest_curator_bench.session.history import past_durations
from pytest_curator_bench.session.shards import assign, expected_durations

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from pytest_curator_bench.config.model import BenchConfig, Entry

__all__ = ["PlanDict", "add_arguments", "make_plan", "plan_schema", "run"]

FORMAT = 1


class ResourcesDict(TypedDict):
    """What an entry leases of a machine."""

    num_cpus: Annotated[int | None, "CPUs; null for all that the machine has."]
    num_gpus: Annotated[int | None, "GPUs; null for all that the machine has."]
    alone: Annotated[bool, "Whether it needs the whole machine."]


class DatasetDict(TypedDict):
    """A dataset that an entry uses."""

    name: Annotated[str, "The dataset's name."]
    format: Annotated[str, "Its format."]
    path: Annotated[str, "Where it lies."]


class EntryDict(TypedDict):
    """One entry, as it would be run."""

    name: Annotated[str, "The entry's name."]
    file: Annotated[str, "The file that defines it first."]
    line: Annotated[int, "The line in that file, from 1."]
    command: Annotated[
        list[str],
        "Its argument list. `{session_entry_dir}` and `{scratch_dir}` stand for directories that a run makes.",
    ]
    env: Annotated[dict[str, str], "Its own environment variables, secrets masked."]
    marks: Annotated[list[str], "Names of its marks."]
    matrix: Annotated[dict[str, Any], "Its combination of a matrix, value by axis."]
    resources: Annotated[ResourcesDict, "What it leases."]
    ray: Annotated[dict[str, Any] | None, "Settings of its Ray cluster; null where it has none."]
    datasets: Annotated[list[DatasetDict], "The datasets that it uses."]
    data_setups: Annotated[list[str], "The data setups that must have passed before it runs."]
    timeout_s: Annotated[float, "Limit of each of its runs, in seconds."]
    runs: Annotated[int, "Number of its runs, warm-ups included."]
    retries: Annotated[int, "How often a failed attempt may be tried again."]
    expected_s: Annotated[float | None, "Median time of earlier sessions, in seconds; null where there are none."]
    wall_time_s: Annotated[
        float,
        "What a scheduler should allow, in seconds: `slurm_max_time_s`, else every attempt with all of its runs at "
        "their limit, the time to end what they started, and the start of its Ray cluster.",
    ]
    shard: Annotated[int | None, "The shard that runs it, from 1; null where there are none."]
    problems: Annotated[list[str], "What is not defined in its configuration, so that it would fail at once."]


class ShardDict(TypedDict):
    """One part of the entries, as ``--bench-shard`` splits them."""

    number: Annotated[int, "Its number, from 1."]
    entries: Annotated[list[str], "Names of its entries."]
    expected_s: Annotated[float, "How long it is expected to take, in seconds; limits where nothing is known."]
    wall_time_s: Annotated[float, "The sum of its entries' wall times, in seconds."]


class PlanDict(TypedDict):
    """What ``curator-bench plan --format json`` prints."""

    format: Annotated[int, "Number of this format."]
    files: Annotated[list[str], "The files, in the order in which they were merged."]
    entries: Annotated[list[EntryDict], "The enabled entries, in the order of the files."]
    shards: Annotated[list[ShardDict], "The shards that were asked for."]
    warnings: Annotated[list[str], "What changes nothing, and should be seen."]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command and its arguments."""
    parser.description = (
        "Print what configuration files, merged in order, would run: for each entry its command, limits, resources, "
        "marks, datasets, usual duration and wall time. Exit status 0: printed, 1: a file is wrong, 2: this command "
        "line can't be understood."
    )
    add_file_arguments(parser)
    parser.add_argument("--format", choices=["table", "json"], default="table", help="default: table")
    parser.add_argument(
        "--shards", type=whole_number, metavar="N", default=0, help="split the entries as --bench-shard does"
    )


def run(options: argparse.Namespace) -> int:
    """Print the plan; returns the exit status."""
    try:
        config = load_files(options, strict_entries=False)
    except ConfigError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    plan = Masker(config.secrets).mask_data(make_plan(config, display, shards=options.shards))
    if options.format == "json":
        sys.stdout.write(json.dumps(plan, indent=2) + "\n")
    else:
        _print_table(plan)
    return 0


def make_plan(config: BenchConfig, display: Callable[[Path], str] = str, *, shards: int = 0) -> PlanDict:
    """Return the plan.

    Args:
        config: the configuration.
        display: how to write a file's path in problems.
        shards: number of parts to split the entries into; 0 for none.
    """
    known_s = past_durations(config.results_dir)
    expected_s = expected_durations(known_s, {entry.name: entry.timeout_s for entry in config.entries})
    parts = assign(expected_s, shards) if shards else {}
    entries = [
        _entry(config, entry, display, known_s.get(entry.name), parts.get(entry.name)) for entry in config.entries
    ]
    return {
        "format": FORMAT,
        "files": [str(file) for file in config.files],
        "entries": entries,
        "shards": [_shard(number, entries, expected_s) for number in range(1, shards + 1)],
        "warnings": list(config.warnings),
    }


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a plan."""
    definitions: dict[str, Any] = {}
    schema = object_schema(PlanDict, definitions)
    schema["properties"]["format"]["const"] = FORMAT
    return {"$schema": DIALECT, "title": "pytest-curator-bench plan", **schema, "$defs": definitions}


def _entry(
    config: BenchConfig, entry: Entry, display: Callable[[Path], str], expected_s: float | None, shard: int | None
) -> EntryDict:
    entry_dir = Path("{session_entry_dir}")
    resolved = config.command_values(entry, session_entry_dir=entry_dir, scratch_dir=Path("{scratch_dir}"))
    ray = entry.ray
    return {
        "name": entry.name,
        "file": str(entry.file),
        "line": entry.line,
        "command": build_command(find_script(resolved), resolved.args, entry_dir, python="python"),
        "env": masked_variables(resolved.env),
        "marks": [mark.name for mark in entry.marks],
        "matrix": dict(entry.matrix),
        "resources": {
            "num_cpus": None if ray is None else ray.num_cpus,
            "num_gpus": 0 if ray is None else ray.num_gpus,
            "alone": runs_alone(entry),
        },
        "ray": None if ray is None else ray.model_dump(exclude_none=True),
        "datasets": [{"name": use.name, "format": use.format, "path": str(use.path)} for use in entry.datasets_used],
        "data_setups": list(entry.data_setups),
        "timeout_s": entry.timeout_s,
        "runs": entry.warmup + entry.repeat,
        "retries": entry.retries,
        "expected_s": expected_s,
        "wall_time_s": _wall_time_s(config, entry),
        "shard": shard,
        "problems": [problem.shown(display) for problem in entry.problems],
    }


def _wall_time_s(config: BenchConfig, entry: Entry) -> float:
    """Return what a scheduler should allow the entry."""
    runs = entry.warmup + entry.repeat
    attempts = 1 + entry.retries
    if config.compat is not None:
        return _nemo_curator_wall_time_s(config, entry, runs * attempts)
    start_s = 0.0 if entry.ray is None else entry.startup_timeout_s
    attempt_s = start_s + runs * (entry.timeout_s + config.cleanup_timeout_s)
    return otherwise(entry.slurm_max_time_s, attempts * attempt_s)


def _nemo_curator_wall_time_s(config: BenchConfig, entry: Entry, runs: int) -> float:
    """Return the same as NeMo Curator's job generators do: one buffer before and one after, between two bounds."""
    buffers_s = entry.startup_timeout_s + config.cleanup_timeout_s
    highest_s = otherwise(entry.slurm_max_time_s, math.inf)
    return min(max(runs * entry.timeout_s + buffers_s, config.min_timeout_s), highest_s)


def _shard(number: int, entries: Sequence[EntryDict], expected_s: Mapping[str, float]) -> ShardDict:
    own = [entry for entry in entries if entry["shard"] == number]
    return {
        "number": number,
        "entries": [entry["name"] for entry in own],
        "expected_s": sum(expected_s[entry["name"]] for entry in own),
        "wall_time_s": sum(entry["wall_time_s"] for entry in own),
    }


def _print_table(plan: PlanDict) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("entry", no_wrap=True)
    for heading in ("limit", "runs", "usual", "wall time", "CPUs", "GPUs"):
        table.add_column(heading, no_wrap=True, justify="right")
    for heading in ("marks", "shard"):
        table.add_column(heading, no_wrap=True)
    for entry in plan["entries"]:
        usual = "-" if entry["expected_s"] is None else format_seconds(entry["expected_s"])
        resources = entry["resources"]
        table.add_row(
            Text(entry["name"]),
            format_seconds(entry["timeout_s"]),
            str(entry["runs"]),
            usual,
            format_seconds(entry["wall_time_s"]),
            *("all" if number is None else str(number) for number in (resources["num_cpus"], resources["num_gpus"])),
            Text(", ".join(entry["marks"])),
            str(entry["shard"] or ""),
        )
    console = Console(soft_wrap=True, highlight=False)
    print_whole(console, table)
    for shard in plan["shards"]:
        times = f"{format_seconds(shard['expected_s'])} expected, {format_seconds(shard['wall_time_s'])} at most"
        console.print(f"shard {shard['number']}: {times}: {shlex.join(shard['entries'])}", markup=False)
    for text in (problem for entry in plan["entries"] for problem in entry["problems"]):
        console.print(f"error: {text}", markup=False)
    for text in plan["warnings"]:
        console.print(f"warning: {text}", markup=False)
