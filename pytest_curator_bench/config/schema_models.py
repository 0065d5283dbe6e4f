# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What a configuration may contain: the keys, their types and bounds, and what they mean.

The descriptions are what users read, in their editor through the JSON Schema and in the documentation.
``None`` means "not given" everywhere; defaults are filled in when the configuration is resolved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pytest_curator_bench.config import defaults
from pytest_curator_bench.config.fields.marks import MARK_FIELD, Mark
from pytest_curator_bench.config.fields.types import (
    ACCURACY,
    ARGUMENTS,
    AXIS_VALUE,
    CLASS_PATH,
    DATASET_NAME,
    ENTRY_NAME,
    ENVIRONMENT,
    EXACT_VALUE,
    JOB_URL,
    OBJECT_STORE_SIZE,
    PATH_NAME,
    RAY_ADDRESS,
    VARIABLE_NAME,
    VARIABLE_VALUE,
    WORD,
    is_identifier,
)
from pytest_curator_bench.config.fields.validators import (
    VARIABLE,
    WrapFieldValidator,
    choice,
    expected,
    flag,
    from_variable,
    number,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_LIMIT_S = 31 * 24 * 3600
# From so many runs on, the interval of their median has a confidence of 95 % and is looked at.
LEAST_RUNS = 6

Name = Annotated[str, ENTRY_NAME]
DatasetName = Annotated[str, DATASET_NAME]
Text = Annotated[str, text("text that isn't empty")]
PathText = Annotated[str, text("a path", for_system=True)]
Script = Annotated[str, text("text that isn't empty", for_system=True)]
Flag = Annotated[bool, flag()]
Limit = Annotated[
    float,
    number(f"a number of seconds above 0 and at most {LONGEST_LIMIT_S} (31 days)", above=0, most=LONGEST_LIMIT_S),
]
Duration = Annotated[
    float, number(f"a number of seconds from 0 to {LONGEST_LIMIT_S} (31 days)", least=0, most=LONGEST_LIMIT_S)
]
Interval = Annotated[float, number("a number of seconds from 0 to 3600", least=0, most=3600)]
Number = Annotated[float, number("a finite number")]
Fraction = Annotated[float, number("a fraction from 0 to 1", least=0, most=1)]
Count = Annotated[int, number("a whole number from 0 to 1000000", whole=True, least=0, most=1_000_000)]
Runs = Annotated[int, number("a whole number from 1 to 10000", whole=True, least=1, most=10_000)]
Bytes = Annotated[int, number("a whole number of bytes, at least 1048576 (1 MiB)", whole=True, least=2**20, most=2**60)]
ObjectStoreSize = Annotated[int | float | Literal["default"], OBJECT_STORE_SIZE]
Scope = Annotated[Literal["entry", "session"], choice(("entry", "session"))]
Delivery = Annotated[Literal["between", "during"], choice(("between", "during"))]
Judge = Annotated[Literal["median", "min", "max", "mean", "all"], choice(("median", "min", "max", "mean", "all"))]
Direction = Annotated[Literal["lower", "higher", "exact", "info"], choice(("lower", "higher", "exact", "info"))]
RetryStatus = Annotated[Literal["timeout", "error", "failed"], choice(("timeout", "error", "failed"))]
FingerprintMode = Annotated[Literal["listing", "content", "none"], choice(("listing", "content", "none"))]
Compat = Annotated[Literal["nemo-curator"], choice((defaults.COMPAT,))]
MarkItem = Annotated[Mark, MARK_FIELD]
Arguments = Annotated[tuple[Annotated[str, WORD], ...], ARGUMENTS]
Environment = Annotated[dict[Annotated[str, VARIABLE_NAME], Annotated[str, VARIABLE_VALUE]], ENVIRONMENT]
AxisValue = Annotated[bool | int | float | str, AXIS_VALUE]


def optional(description: str, **settings: Any) -> Any:
    """Return an optional key, ``None`` where no file gives it."""
    return Field(default=None, description=description, **settings)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# Where a cluster comes from: each excludes the others.
PLACES = ("scope", "address", "job")


class RaySettings(_Model):
    """The Ray cluster that an entry gets. ``ray: {}`` is one with default settings."""

    num_cpus: Count | None = optional(
        "CPUs that the entry leases and its cluster offers. Default: all that the machine has."
    )
    num_gpus: Count | None = optional(
        "GPUs likewise. Default: all that the machine has; `0` leaves them to other entries."
    )
    enable_object_spilling: Flag | None = optional(
        "Whether Ray may move objects to disk when its object store is full. Default: false."
    )
    object_store_memory: Bytes | None = optional("Size of Ray's object store in bytes. Overrides `object_store_size`.")
    scope: Scope | None = optional(
        "`entry`: a fresh cluster for each entry (default). `session`: one that entries of equal settings use one "
        "after the other, replaced when something is left on it."
    )
    address: Annotated[str, RAY_ADDRESS] | None = optional(
        "A cluster that is already running, `auto` or `host:port`: the script runs here, its tasks there. `num_cpus`, "
        "`num_gpus` and `object_store_memory` are what it must have at least. Excludes `job` and `scope`."
    )
    job: Annotated[str, JOB_URL] | None = optional(
        "The dashboard of a cluster that is already running, `http://host:8265`: the script itself runs there. "
        "Otherwise as `address`, which it excludes."
    )
    keep_logs: Flag | None = optional(
        "Whether Ray's own logs are kept in the entry's directory even if it passed. Default: false."
    )
    dashboard: Flag | None = optional("Whether to start Ray's dashboard. Default: only where the script needs it.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if len(given := [key for key in PLACES if getattr(self, key) is not None]) > 1:
            raise expected("one of scope, address and job", found=" and ".join(given))
        return self

    @property
    def names_running_cluster(self) -> bool:
        """Whether the entry runs on a cluster that this plugin does not start."""
        return self.address is not None or self.job is not None

    def overlaid(self, own: RaySettings) -> RaySettings:
        """These settings with an entry's own on top, key by key; of :data:`PLACES` the entry's own one counts."""
        update = {key: value for key, value in own if value is not None}
        if not update.keys().isdisjoint(PLACES):
            update = {**dict.fromkeys(PLACES), **update}
        return self.model_copy(update=update)


# What `ray: false` becomes: recognised by identity.
NO_CLUSTER = RaySettings()


def _ray(value: object, validate: Callable[[object], object]) -> object:
    if from_variable(value) is False:
        return NO_CLUSTER
    if not isinstance(value, dict):
        raise expected("a mapping (`ray: {}` for a cluster with default settings) or false for no cluster")
    return validate(value)


def _or_false(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"const": False}, VARIABLE]}


Ray = Annotated[RaySettings, WrapFieldValidator(_ray, _or_false)]


class Requirement(_Model):
    """A bound that a metric must keep to."""

    metric: Text = Field(
        description="The metric: a key of metrics.json (dots lead into nested ones), a task metric, `exec_time_s`, or "
        "a resource figure such as `resources.max_rss_bytes`."
    )
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    min_value: Number | None = optional("Lowest value that is good enough.")
    max_value: Number | None = optional("Highest value that is good enough.")
    exact_value: Annotated[bool | int | float | str, EXACT_VALUE] | None = optional(
        "The only value that is right: a number, true, false or a text. Excludes all other bounds."
    )
    warn_below: Number | None = optional("A value below this is good enough, but gives a warning.")
    warn_above: Number | None = optional("A value above this is good enough, but gives a warning.")
    xfail: Text | None = optional(
        "Why this requirement is known not to be met at present: missing it does not fail the entry."
    )
    judge: Judge | None = optional(
        "Which figure of several runs is judged: `median` (default), `min`, `max`, `mean`, or `all` of them."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        low, high, exact = self.min_value, self.max_value, self.exact_value
        hard = (low, high, exact) != (None,) * 3
        warning = (self.warn_below, self.warn_above) != (None,) * 2
        if not hard and not warning:
            raise expected("a bound: min_value, max_value, exact_value, warn_below or warn_above", found="none")
        if exact is not None and (low is not None or high is not None):
            raise expected("exact_value alone, or min_value and max_value", found="both")
        if exact is not None and warning:
            raise expected("exact_value without warn_below and warn_above", found="both")
        if self.xfail is not None and not hard:
            raise expected("min_value, max_value or exact_value beside xfail", found="none")
        if low is not None and high is not None and low > high:
            raise expected("min_value to be at most max_value", found=f"min_value {low:g} and max_value {high:g}")
        return self

    @model_validator(mode="after")
    def _warning_bounds(self) -> Self:
        """Refuse bounds for warnings that could never act, or always would."""
        low, high, below, above = self.min_value, self.max_value, self.warn_below, self.warn_above
        hard = {"min_value": low, "max_value": high}
        if below is not None and above is not None and below > above:
            raise expected("warn_below to be at most warn_above", found=f"{below:g} and {above:g}")
        for key, bound in (("warn_below", below), ("warn_above", above)):
            if bound is None:
                continue
            edge = bound == (low if key == "warn_below" else high)
            if edge or (low is not None and bound < low) or (high is not None and bound > high):
                inside = " and ".join(f"{name} {value:g}" for name, value in hard.items() if value is not None)
                raise expected(f"{key} to lie inside of {inside}", found=f"{key} {bound:g}")
        return self


class Matrix(_Model):
    """Axes that multiply an entry: one for each combination of their values.

    Any other key is an axis, with the list of its values. The combinations are worked out in
    :mod:`pytest_curator_bench.config.matrix.combinations`.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[AxisValue, ...]]

    include: tuple[dict[str, AxisValue], ...] | None = optional(
        "Names and values to add to the combinations that have the item's values of axes; where none has, "
        "a combination to add."
    )
    exclude: tuple[dict[str, AxisValue], ...] | None = optional(
        "Combinations to leave out: each item takes out those that have all of its values."
    )

    @model_validator(mode="after")
    def _axes(self) -> Self:
        if not self.__pydantic_extra__:
            raise expected("at least one axis with its values, such as `executor: [ray_data, xenna]`", found="none")
        for name, values in self.__pydantic_extra__.items():
            if not values:
                raise expected("at least one value for each axis", found=f"none for the axis {name!r}")
        added = [name for combination in self.include or () for name in combination]
        for name in (*self.__pydantic_extra__, *added):
            if not is_identifier(name):
                raise expected("axes named with letters, digits and _", found=f"the axis {name!r}")
        return self


class SinkData(_Model):
    """An entry's settings for one sink. Which further keys there are depends on the sink."""

    model_config = ConfigDict(extra="allow")

    name: Text = Field(description="The sink's name.")
    enabled: Flag | None = optional("`false` removes it. Default: true.")


class _ScriptRun(_Model):
    name: Name = Field(description="Unique name; becomes a directory and, for entries, part of the test's name.")
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    script: Script = Field(
        description="The script, Python or an executable with an interpreter line: absolute, or looked for in "
        "`script_base_dir` or in the `scripts` directories beside the configuration files. "
        "Placeholders are substituted."
    )
    script_base_dir: PathText | None = optional(
        "Where to look for the script; relative to the file that gives it. Placeholders are substituted."
    )
    args: Arguments | None = optional(
        "Arguments for the script: one string, split as a shell does, or a list. Placeholders are substituted "
        "after splitting, so that a path with spaces stays one argument."
    )
    env: Environment | None = optional(
        "Environment variables for the script, on top of the global `env`. Placeholders are substituted."
    )
    timeout_s: Limit | None = optional("Limit for the script in seconds. Default: `default_timeout_s`.")


class EntryModel(_ScriptRun):
    """One benchmark: a script, its arguments, and what it needs."""

    marks: tuple[MarkItem, ...] | None = optional("Pytest marks: names, or mappings of one name to its arguments.")
    ray: Ray = optional(
        "The Ray cluster for this entry, on top of the global `ray`. `{}`: default settings; `false`: none."
    )
    object_store_size: ObjectStoreSize | None = optional("As the global `object_store_size`, for this entry.")
    delete_scratch: Flag | None = optional("As the global `delete_scratch`, for this entry.")
    requirements: tuple[Requirement, ...] | None = optional("Bounds that its metrics must keep to.")
    sink_data: tuple[SinkData, ...] | None = optional("Settings for sinks, by the sink's name.")
    owner: Text | None = optional(
        "Who answers for it: recorded with its results, and shown where it broke or is worse than usual. Default: "
        "`ping_on_failure` of its `sink_data` for `slack`."
    )
    gpu_mem_use_warning_threshold: Fraction | None = optional("As the global key, for this entry.")
    matrix: Matrix | None = optional(
        "Axes that multiply the entry, each a key with a list of values; `{matrix.AXIS}` stands for the value."
    )
    repeat: Runs | None = optional(
        f"Number of measured runs, each with the limit `timeout_s`. Default: {defaults.REPEAT}."
    )
    warmup: Count | None = optional(f"Number of runs before them that don't count. Default: {defaults.WARMUP}.")
    repeat_until_ci: Annotated[float, ACCURACY] | None = optional(
        "Relative width of the confidence interval at which repeating stops before `repeat`, such as `2%`."
    )
    exclusive: Flag | None = optional(
        "`true`: it has the whole machine to itself. `false`: it may run beside others although it names no "
        "resources. Default: it shares the machine if `ray` names CPUs or GPUs."
    )
    retries: Count | None = optional(
        "How often a failed entry is tried again, never for an unmet requirement. Each attempt is kept. "
        f"Default: {defaults.RETRIES}."
    )
    retry_on: tuple[RetryStatus, ...] | None = optional(
        f"Which failures are tried again. Default: {', '.join(defaults.RETRY_ON)}."
    )
    startup_timeout_s: Limit | None = optional("As the global `startup_timeout_s`, for this entry.")
    slurm_max_time_s: Limit | None = optional("As the global `slurm_max_time_s`, for this entry.")
    data_setups: tuple[Name, ...] | None = optional(
        "Names of the data setups that it needs; `[]`: none. Default: all that no entry names."
    )

    @model_validator(mode="after")
    def _repeats(self) -> Self:
        """Refuse settings that could never act."""
        if self.repeat_until_ci is not None and (self.repeat or 1) <= LEAST_RUNS:
            what = f"repeat above {LEAST_RUNS} beside repeat_until_ci, which is looked at from the sixth run on"
            raise expected(what, found=f"repeat {self.repeat or 1}")
        if self.retry_on is not None and not self.retries:
            raise expected("retries beside retry_on: how often to try again", found="none")
        return self


class DataSetupModel(_ScriptRun):
    """A script that prepares data, run once per session before the entries that need it."""


class SinkModel(_Model):
    """Where results go. Which further keys there are depends on the sink."""

    model_config = ConfigDict(extra="allow")

    name: Text = Field(description="`mlflow`, `slack`, `gdrive`, `jsonl`, `csv`, `webhook`, or the name of your own.")
    enabled: Flag | None = optional("`false` switches it off. Default: true.")
    class_path: Annotated[str, CLASS_PATH] | None = optional(
        "The sink's class, `package.module:Class`, where the name does not imply it.", alias="class"
    )
    deliver: Delivery | None = optional(
        f"When it works: only `between` measurements, or also `during` them. Default: {defaults.DELIVER}."
    )


class DatasetFormat(_Model):
    """One form in which a dataset exists."""

    type: DatasetName = Field(description="The format's name in `{dataset:NAME,FORMAT}`.")
    path: PathText = Field(
        description="Where it lies; relative to the file that gives it. `{PATH_NAME}` is substituted."
    )
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    fingerprint: FingerprintMode | None = optional(
        "What results record of it: `listing`: number, sizes and names of its files (default); `content`: a digest "
        "of what is in them too, read once and cached; `none`: its path alone."
    )


class DatasetModel(_Model):
    """A dataset that commands refer to as ``{dataset:NAME,FORMAT}``."""

    name: DatasetName = Field(description="The dataset's name in `{dataset:NAME,FORMAT}`.")
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    formats: tuple[DatasetFormat, ...] = Field(description="The forms in which it exists.")


class PathModel(_Model):
    """A directory or file with a name, which is a placeholder elsewhere."""

    name: Annotated[str, PATH_NAME] = Field(
        description="The name; `{name}` stands for the path. `results_path` supplies `results_dir`."
    )
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    host_path: PathText = Field(description="The path on the host; relative to the file that gives it.")
    container_path: PathText | None = optional(
        "The path inside a container. Default: `/MOUNT` with the host path behind it."
    )


class MetricModel(_Model):
    """What a metric means, where its name says otherwise or nothing."""

    name: Text = Field(description="The metric's name, or a pattern for several (`*`, `?`).")
    enabled: Flag | None = optional("`false` removes it. Default: true.")
    direction: Direction | None = optional(
        "`lower` or `higher`: what is better. `exact`: any change is a difference. `info`: shown, never judged. "
        "Default: by the name."
    )
    unit: Text | None = optional("Its unit; `bytes` are shown in kB, MB or GB. Default: by the name.")
    headline: Flag | None = optional("Whether it has a column in the summary. Default: only if a requirement names it.")
    judge: Flag | None = optional(
        "Whether a change of it may be called better or worse. Default: `exec_time_s`, the script's own times and "
        "throughputs, and what requirements name."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.direction, self.unit, self.headline, self.judge) == (None,) * 4:
            raise expected("direction, unit, headline or judge", found="none")
        if self.direction == "info" and self.judge:
            raise expected("a direction other than info beside judge", found="both")
        return self


class Telemetry(_Model):
    """How machine and GPUs are watched while an entry runs."""

    interval_s: Interval | None = optional(
        f"Seconds between samples; 0 switches them off. Default: {defaults.TELEMETRY_INTERVAL_S:g}."
    )


class ConfigModel(_Model):
    """A configuration of pytest-curator-bench, all files merged."""

    compat: Compat | None = optional(
        "`nemo-curator`: the defaults of NeMo Curator's own runner, and its names beside ours in `results.json` and "
        "`env.json` (see coming from `run.py`). Default: none."
    )
    results_dir: PathText | None = optional(
        "Where session directories go; relative to the file that gives it. Required, unless `paths` has an "
        "item `results_path`."
    )
    artifacts_dir: PathText | None = optional(
        "Where scratch directories go; relative to the file that gives it. Default: `artifacts` in `results_dir`."
    )
    default_timeout_s: Limit | None = optional(
        f"Limit of entries that name none, in seconds. Default: {defaults.TIMEOUT_S:g}. Never above `max_timeout_s`."
    )
    max_timeout_s: Limit | None = optional("Highest limit that an entry may have, in seconds. Default: none.")
    env: Environment | None = optional(
        "Environment variables for the scripts of all entries and data setups. Placeholders are substituted."
    )
    cleanup_timeout_s: Duration | None = optional(
        "Time for ended processes between SIGTERM and SIGKILL and for cleaning up, in seconds. "
        f"Default: {defaults.CLEANUP_TIMEOUT_S:g}. With `compat` the plan's wall time alone counts it."
    )
    startup_timeout_s: Limit | None = optional(
        f"Limit for the start of an entry's Ray cluster, in seconds. Default: {defaults.STARTUP_TIMEOUT_S:g}."
    )
    slurm_max_time_s: Limit | None = optional(
        "What `curator-bench plan` gives as an entry's wall time, in seconds. Default: worked out from the limits. "
        "With `compat` the highest wall time."
    )
    delete_scratch: Flag | None = optional(
        "Whether scratch directories go when their entry has ended; empty ones always do. Default: true."
    )
    sinks: tuple[SinkModel, ...] | None = optional("Where results go.")
    datasets: tuple[DatasetModel, ...] | None = optional("Datasets for `{dataset:NAME,FORMAT}`.")
    paths: tuple[PathModel, ...] | None = optional("Directories and files with a name, for placeholders.")
    data_setups: tuple[DataSetupModel, ...] | None = optional(
        "Scripts that prepare data, run once per session before the entries that need them."
    )
    ray: Ray | None = optional("Ray settings that all entries inherit, key by key; every entry gets a cluster then.")
    object_store_size: ObjectStoreSize | None = optional(
        "Size of Ray's object store: bytes (whole number), a fraction of memory (0.5), or `default` for "
        "Ray's own choice."
    )
    metrics: tuple[MetricModel, ...] | None = optional("What metrics mean, where their names say otherwise or nothing.")
    machine_class: Text | None = optional(
        "Name of the machines whose results may be compared with each other. Default: CPU model, cores, memory and "
        "GPUs tell."
    )
    telemetry: Telemetry | None = optional("How machine and GPUs are watched.")
    gpu_mem_use_warning_threshold: Fraction | None = optional(
        "Fraction of GPU memory, 0 to 1, that may be in use before and after an entry without a warning; 1: all. "
        f"Default: {defaults.GPU_MEM_USE_WARNING_THRESHOLD:g}."
    )
    run_reason: Text | None = optional("Why this session runs, for env.json and sinks.")
    viewer_url: Text | None = optional("Link to where results can be looked at. Excludes `viewer_url_template`.")
    viewer_url_template: Text | None = optional(
        "The same with placeholders: `{results_path}`, `{session_name}`, `{session_path}` and, for queries, "
        "`{results_path_url}`, `{session_name_url}`, `{session_path_url}`."
    )
    entries: tuple[EntryModel, ...] | None = optional("The benchmarks. At least one must be enabled.")
