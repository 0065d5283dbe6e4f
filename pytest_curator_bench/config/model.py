# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The configuration as the rest of the plugin sees it: merged, checked, resolved and frozen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.paths import base_dirs
from pytest_curator_bench.config.placeholders import Substitution

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_curator_bench._util.interpreter import Interpreter
    from pytest_curator_bench.config.fields.marks import Mark
    from pytest_curator_bench.config.placeholders import FingerprintMode, Placeholders
    from pytest_curator_bench.config.problems import Problem
    from pytest_curator_bench.config.schema_models import RaySettings, Requirement
    from pytest_curator_bench.config.yaml.nodes import YamlMapping

ObjectStoreSize = int | float | Literal["default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """A dataset that an entry's command refers to.

    Attributes:
        name: the dataset's name.
        format: the format's name, the ``type`` of the configuration.
        path: where it lies.
        fingerprint: how it is recorded with results: by the ``listing`` of its files, by their ``content`` too,
            or as ``none`` of both.
    """

    name: str
    format: str
    path: Path
    fingerprint: FingerprintMode = defaults.FINGERPRINT


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """What entries and data setups have in common: one script, run with arguments under a limit.

    Attributes:
        name: unique among its kind.
        file: the configuration file that first defines it.
        line: line of its ``- name:`` item in ``file``, from 1.
        script: the script as written, with its placeholders.
        script_base_dir: ``script_base_dir`` as written, or nothing.
        script_dirs: the directories in which ``script_base_dir`` and ``script`` are looked for, in order.
        args: the arguments, split, with their placeholders.
        env: environment variables for the script, with their placeholders.
        timeout_s: limit for the script, in seconds.
        datasets_used: the datasets that ``script``, ``args`` and ``env`` name, each once.
    """

    name: str
    file: Path
    line: int
    script: str
    script_base_dir: str = ""
    script_dirs: tuple[Path, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float
    datasets_used: tuple[DatasetUse, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetup(ScriptRun):
    """A script that prepares data which entries use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(ScriptRun):
    """One benchmark.

    Attributes:
        marks: pytest marks.
        ray: the cluster that it asks for, global settings included; ``None`` where it gets none.
        delete_scratch: whether its scratch directory goes when it has ended.
        object_store_size: bytes, a fraction of memory, ``"default"`` for Ray's own choice, or not given.
        requirements: bounds that its metrics must keep to.
        sink_data: settings for sinks, by the sink's name.
        owner: who answers for it; ``None`` where nobody is named.
        matrix: the combination of its matrix that it is, value by name; empty where it has none.
        repeat: number of measured runs.
        warmup: number of runs before them that don't count.
        repeat_until_ci: relative width of the confidence interval at which repeating may stop.
        exclusive: whether it needs the whole machine; ``None`` to decide by the resources that it names.
        retries: how often a failed run may be tried again.
        retry_on: the statuses that are tried again.
        gpu_mem_use_warning_threshold: fraction of GPU memory, 0 to 1, that may be in use without a warning.
        data_setups: names of the enabled data setups that must have passed before it runs.
        startup_timeout_s: limit for the start of its Ray cluster, in seconds.
        slurm_max_time_s: wall time that a scheduler should allow, in seconds; ``None`` to work it out. With
            :attr:`BenchConfig.compat` the highest one.
        interpreter: what its script and its Ray cluster run in; ``None`` for that of all entries.
        problems: what keeps it from running: variables, placeholders, datasets or data setups that are not defined.
    """

    marks: tuple[Mark, ...] = ()
    ray: RaySettings | None = None
    delete_scratch: bool = defaults.DELETE_SCRATCH
    object_store_size: ObjectStoreSize | None = None
    requirements: tuple[Requirement, ...] = ()
    sink_data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    owner: str | None = None
    matrix: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    repeat: int = defaults.REPEAT
    warmup: int = defaults.WARMUP
    repeat_until_ci: float | None = None
    exclusive: bool | None = None
    retries: int = defaults.RETRIES
    retry_on: tuple[str, ...] = defaults.RETRY_ON
    gpu_mem_use_warning_threshold: float = defaults.GPU_MEM_USE_WARNING_THRESHOLD
    data_setups: tuple[str, ...] = ()
    startup_timeout_s: float = defaults.STARTUP_TIMEOUT_S
    slurm_max_time_s: float | None = None
    interpreter: Interpreter | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def base_name(self) -> str:
        """Its name in the configuration: one that runs in an interpreter of its own is called ``ENTRY@NAME``."""
        return self.name if self.interpreter is None else self.name.removesuffix(f"@{self.interpreter.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """A sink that is switched on.

    Attributes:
        name: its name.
        class_path: ``package.module:Class`` where the configuration gives one.
        deliver: whether it works only ``between`` measurements, or also ``during`` them.
        settings: everything else that the configuration says of it, environment variables substituted. May hold
            secrets, and is therefore left out of ``repr()``.
        written: the sink as written in the files, with the place of each key; ``None`` where it comes from none.
    """

    name: str
    class_path: str | None = None
    deliver: Literal["between", "during"] = defaults.DELIVER
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    written: YamlMapping | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOffSink:
    """A sink that stays off although it isn't disabled.

    Attributes:
        name: its name.
        reason: why, one sentence without values.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedCommand:
    """What to run for one entry.

    Attributes:
        script: the places to look for the script, in order.
        args: the arguments after the script.
        env: environment variables for the script, on top of the inherited ones.
        unresolved: placeholders that have no value here (``{curator_repo_dir}`` where neither the variable
            nor the package exists) and were left as they are: a run must refuse them, a dry run may show
            them.
    """

    script: tuple[Path, ...]
    args: tuple[str, ...]
    env: dict[str, str]
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """The whole configuration: files merged, checked and resolved.

    Attributes:
        files: the files, in the order in which they were merged.
        results_dir: where session directories go.
        artifacts_dir: where scratch directories go.
        entries: the enabled entries, in the order of the files.
        delete_scratch: whether scratch directories go when their entry has ended, unless the entry overrides it.
        default_timeout_s: limit of entries that name none, in seconds, already capped by ``max_timeout_s``.
        max_timeout_s: highest limit that an entry may have, in seconds; ``None``: no such bound.
        compat: the other runner whose defaults and names of files' keys are wanted; ``None``: none.
        cleanup_timeout_s: time for cleaning up, in seconds.
        grace_s: time that processes get between SIGTERM and SIGKILL, in seconds.
        min_timeout_s: least wall time of an entry in a plan, in seconds.
        object_store_size: size of Ray's object store of entries that name none.
        telemetry_interval_s: time between samples, in seconds; 0 switches them off.
        gpu_mem_use_warning_threshold: fraction of GPU memory, 0 to 1, that may be in use without a warning.
        sinks: the sinks that are switched on.
        switched_off_sinks: sinks that are switched off because an environment variable is not defined.
        datasets: path by name and format.
        paths: directory by name, for placeholders.
        mounts: in a container, container path and host path of each of them; empty on the host.
        data_setups: the enabled data setups.
        metric_rules: what is said of metrics, with the keys that are given.
        machine_class: name of the machines whose results may be compared; ``None``: their hardware tells.
        run_reason: why this session runs.
        viewer_url: link to where results can be looked at.
        viewer_url_template: the same with placeholders.
        curator_repo_dir: value of ``{curator_repo_dir}``; ``None`` where there is none.
        warnings: sentences for the user, none of them a reason not to run.
        differences: where NeMo Curator's own runner would have merged the files otherwise.
        secrets: strings that must appear in no output.
        secret_variables: names of environment variables that hold them; scripts must not inherit these.
        merged_json: all files merged, as JSON, environment variables substituted, secrets as ``***``.
    """

    files: tuple[Path, ...]
    results_dir: Path
    artifacts_dir: Path
    entries: tuple[Entry, ...]
    placeholders: Placeholders = field(repr=False)
    delete_scratch: bool = defaults.DELETE_SCRATCH
    default_timeout_s: float = defaults.TIMEOUT_S
    max_timeout_s: float | None = None
    compat: Literal["nemo-curator"] | None = None
    cleanup_timeout_s: float = defaults.CLEANUP_TIMEOUT_S
    grace_s: float = defaults.CLEANUP_TIMEOUT_S
    min_timeout_s: float = 0.0
    telemetry_interval_s: float = defaults.TELEMETRY_INTERVAL_S
    object_store_size: ObjectStoreSize | None = None
    gpu_mem_use_warning_threshold: float = defaults.GPU_MEM_USE_WARNING_THRESHOLD
    sinks: tuple[SinkConfig, ...] = ()
    switched_off_sinks: tuple[SwitchedOffSink, ...] = ()
    datasets: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    mounts: tuple[tuple[Path, Path], ...] = ()
    data_setups: tuple[DataSetup, ...] = ()
    metric_rules: tuple[Mapping[str, Any], ...] = ()
    machine_class: str | None = None
    run_reason: str | None = None
    viewer_url: str | None = None
    viewer_url_template: str | None = None
    curator_repo_dir: Path | None = None
    warnings: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)
    secret_variables: frozenset[str] = field(default_factory=frozenset)
    merged_json: str = field(default="{}", repr=False)

    @property
    def file_dirs(self) -> tuple[Path, ...]:
        """The directories of :attr:`files`, each once; where a file is a link, also that of its target."""
        return tuple(dict.fromkeys(directory for file in self.files for directory in base_dirs(file)))

    @property
    def merged(self) -> dict[str, Any]:
        """All files merged, as plain data of its own (safe to change), secrets as ``***``."""
        data: dict[str, Any] = json.loads(self.merged_json)
        return data

    @cached_property
    def digest(self) -> str:
        """SHA-256 of :attr:`merged`, independent of the order of keys; 64 hexadecimal digits."""
        canonical = json.dumps(self.merged, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def command_values(
        self,
        entry: ScriptRun,
        *,
        session_entry_dir: Path,
        scratch_dir: Path,
    ) -> ResolvedCommand:
        """Substitute the placeholders of an entry or a data setup.

        Args:
            entry: one of :attr:`entries` or :attr:`data_setups`.
            session_entry_dir: value of ``{session_entry_dir}``.
            scratch_dir: value of ``{scratch_dir}``.
        """
        values = {"session_entry_dir": str(session_entry_dir), "scratch_dir": str(scratch_dir)}
        interpreter = entry.interpreter if isinstance(entry, Entry) else None
        repo_dir = self.curator_repo_dir if interpreter is None else interpreter.curator_repo_dir
        if repo_dir is not None:
            values["curator_repo_dir"] = str(repo_dir)
        substitution = Substitution(self.placeholders, values)
        text = substitution.text
        return ResolvedCommand(
            script=_candidates(entry.script_dirs, text(entry.script_base_dir), text(entry.script)),
            args=tuple(text(argument) for argument in entry.args),
            env={name: text(value) for name, value in entry.env.items()},
            unresolved=tuple(substitution.unresolved),
        )


def find_script(command: ResolvedCommand) -> Path:
    """The first of the places where the script may be at which it is, or the first where it is nowhere."""
    return next((path for path in command.script if path.is_file()), command.script[0])


def _candidates(directories: tuple[Path, ...], base: str, script: str) -> tuple[Path, ...]:
    """The paths at which a script may be, in order, each once: an absolute one makes all others equal."""
    return tuple(dict.fromkeys(directory / base / script for directory in directories))
