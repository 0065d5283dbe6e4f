# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The JSON files of a session, key by key: typed dictionaries with the meaning of each key.

Schema (``curator-bench schema results``) and page (``docs/results.md``) are made from them. Readers must expect keys
that are not here; ``results/format.py`` says what a new format means.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

__all__ = [
    "AttemptDict",
    "EnvironmentDict",
    "MetricRuleDict",
    "OwnerDict",
    "ProgressDict",
    "ResultDict",
    "ResultFileDict",
    "RunDict",
    "RunOfEntryDict",
    "RunOfSessionDict",
    "RunStatus",
    "SessionDict",
    "StageDict",
    "StatisticsDict",
    "Status",
    "TaskDict",
    "TasksDict",
    "VerdictDict",
]

Status = Literal["passed", "failed", "timeout", "error", "skipped", "xfailed", "interrupted"]
RunStatus = Literal["running", "finished", "failed", "interrupted"]


# --- results.json ---


class VerdictDict(TypedDict):
    """A requirement and what became of it (``requirements``)."""

    metric: Annotated[str, "Name of the metric."]
    bounds: Annotated[dict[str, Any], "The bounds that were given, by key: `min_value`, `warn_above` and so on."]
    bound: Annotated[str | None, "Key of the bound that decided: the violated one, or the nearest."]
    limit: Annotated[Any, "Value of that bound."]
    judge: Annotated[str, "Figure of several runs that was judged: `median`, `min`, `max`, `mean` or `all`."]
    actual: Annotated[bool | int | float | str | None, "That figure; null where there is none."]
    met: Annotated[bool, "Whether the requirement was met."]
    margin_percent: Annotated[
        float | None,
        "Distance to `limit` in per cent of it, negative where it is violated; null where it has no meaning.",
    ]
    warning: Annotated[str | None, "What `warn_below` or `warn_above` had to say."]
    xfail: Annotated[str | None, "Why the requirement is marked as a known miss."]
    sentence: Annotated[str, "The verdict in words."]


class RunOfEntryDict(TypedDict):
    """One of several runs of an entry (``runs``)."""

    run: Annotated[str, "Name of its directory below the entry's: `warmup-1`, `run-2`."]
    measured: Annotated[bool, "Whether it counts; warm-ups don't."]
    status: Annotated[Status, "Its outcome."]
    reason: Annotated[str | None, "Kind within the status."]
    exec_time_s: Annotated[float | None, "Wall time of the script, in seconds."]
    started_at: Annotated[str | None, "Start of the script, UTC, ISO 8601."]
    metrics: Annotated[dict[str, Any], "The script's numbers, flags and strings, by dotted name."]


class StatisticsDict(TypedDict):
    """One metric over several runs (values of ``statistics``)."""

    n: Annotated[int, "Number of measured runs."]
    median: Annotated[float, "Median of the runs."]
    min: Annotated[float, "Lowest value."]
    max: Annotated[float, "Highest value."]
    iqr: Annotated[float, "Interquartile range."]
    median_ci: Annotated[list[float] | None, "Confidence interval of the median: its lower and its upper end."]
    confidence: Annotated[
        float | None, "Probability with which that interval holds the true median; null in files of format 1."
    ]


class MetricRuleDict(TypedDict):
    """What the configuration says of a metric (``metric_rules``); what it leaves out follows from the metric's name."""

    name: Annotated[str, "Name of the metric, or a pattern for several (`*`, `?`)."]
    direction: NotRequired[
        Annotated[
            Literal["lower", "higher", "exact", "info"],
            "What is better; `exact`: any change is a difference; `info`: shown, never judged.",
        ]
    ]
    unit: NotRequired[Annotated[str, "Its unit."]]
    headline: NotRequired[Annotated[bool, "Whether summaries show it."]]
    judge: NotRequired[Annotated[bool, "Whether a change of it may be called better or worse."]]


class AttemptDict(TypedDict):
    """One of several attempts at an entry (``attempts``)."""

    attempt: Annotated[int, "Its number, from 1."]
    status: Annotated[Status, "Its outcome."]
    reason: Annotated[str | None, "Kind within the status."]
    error: Annotated[str | None, "What went wrong."]
    exec_time_s: Annotated[float | None, "Wall time of the script, in seconds."]
    entry_dir: Annotated[str, "Directory that it is kept in."]


class InterpreterDict(TypedDict):
    """The Python environment that an entry ran in, where it is one of several (``interpreter``, ``--bench-ab``)."""

    name: Annotated[str, "Its name on the command line; the entry is called `ENTRY@NAME`."]
    position: Annotated[int, "Its place on the command line, from 1; the others are compared with the first."]
    entry: Annotated[str, "Name of the entry without that of the interpreter."]
    python: Annotated[str, "Path of the interpreter."]
    versions: Annotated[dict[str, str | None], "Versions of `python`, `ray` and `nemo_curator` there."]
    nemo_curator_commit: Annotated[str | None, "The commit that its NeMo Curator comes from, if that is known."]
    nemo_curator_dirty: Annotated[bool, "Whether files of that checkout were changed."]


class ResultDict(TypedDict):
    """The result of an entry."""

    format: Annotated[int, "Format of the file."]
    name: Annotated[str, "Name of the entry."]
    session_name: Annotated[str, "Name of the session."]
    status: Annotated[
        Status,
        "Outcome: `failed` is the script's doing, `error` the machine's or the plugin's, `xfailed` a failure that "
        "pytest's mark `xfail` expects.",
    ]
    reason: Annotated[str | None, "Kind within the status: `exit-code`, `outputs`, `requirements`, `ray`, …"]
    success: Annotated[bool, "Whether the status is `passed`."]
    exec_time_s: Annotated[
        float | None, "Wall time of the script alone, in seconds; the median of several runs; null if it never ran."
    ]
    started_at: Annotated[str | None, "Start of the (first) script, UTC, ISO 8601."]
    finished_at: Annotated[str | None, "End of the script, UTC, ISO 8601."]
    timeout: Annotated[bool, "Whether the time limit ended the script."]
    timeout_s: Annotated[float, "The time limit, in seconds."]
    returncode: Annotated[int | None, "Exit status of the script; null where a signal ended it or it never ran."]
    signal: Annotated[str | None, "Name of the signal that ended the script."]
    command: Annotated[list[str], "The command, as a list of arguments."]
    command_line: Annotated[str, "The same, quoted for a shell."]
    script_params: Annotated[dict[str, Any], "Content of the script's `params.json`."]
    script_metrics: Annotated[dict[str, Any], "Content of the script's `metrics.json`; medians of several runs."]
    task_metrics: Annotated[
        dict[str, Any], "Statistics of the tasks, from `tasks.pkl`: `task_STAGE_METRIC_sum`, `…_mean`, `…_std`."
    ]
    requirements: Annotated[list[VerdictDict], "The entry's requirements; empty where the script failed."]
    warnings: Annotated[list[str], "What was odd but changed no outcome."]
    error: Annotated[str | None, "What happened and what to do; details on further lines."]
    runs: Annotated[list[RunOfEntryDict], "The runs, where there were several."]
    statistics: Annotated[dict[str, StatisticsDict], "Statistics of the measured runs, by metric."]
    attempts: Annotated[list[AttemptDict], "The attempts, where there were several; the last included."]
    resources: Annotated[
        dict[str, Any],
        "`cpu_time_s` and `max_rss_bytes` of the script, figures of telemetry, `lease` and `ray`: the CPUs, GPUs "
        "and memory that the entry had, and its cluster.",
    ]
    marks: Annotated[list[str], "Names of the entry's pytest marks."]
    sink_data: Annotated[dict[str, Any], "The entry's settings for sinks, by sink name."]
    owner: NotRequired[
        Annotated[str | None, "Who answers for the entry: `owner`, or whom Slack pings. Older versions don't write it."]
    ]
    datasets: Annotated[
        list[dict[str, Any]], "Datasets that the command names: `name`, `format`, `path`, size and fingerprint."
    ]
    metric_rules: NotRequired[
        Annotated[
            list[MetricRuleDict],
            "What the configuration's section `metrics` said of its metrics; of all others the name decides.",
        ]
    ]
    interpreter: NotRequired[
        Annotated[InterpreterDict | None, "The environment that it ran in, if `--bench-ab` named it."]
    ]
    nodeid: Annotated[str, "pytest's name of the item."]
    stdouterr_file: Annotated[str, "Path of the script's log. Readers replace it by where the log lies now."]
    entry_dir: Annotated[str, "Path of the entry's directory. Readers replace it by where it lies now."]


class ResultFileDict(ResultDict):
    """The result of an entry: ``results.json``; sinks are given all but these last keys."""

    run_id: NotRequired[Annotated[str, "The run that wrote the file, and not a script; older versions don't write it."]]
    signed_by: NotRequired[Annotated[str, "The same where `compat` gives `run_id`, and further keys, another meaning."]]


# --- tasks.json ---


class StageDict(TypedDict):
    """What a task spent in one stage (``stage_perf``)."""

    stage_name: Annotated[str, "Name of the stage. Beside these two keys, every number of the stage has one."]
    custom_metrics: Annotated[dict[str, Any], "Numbers that the stage recorded itself."]


class TaskDict(TypedDict):
    """One task (``tasks``)."""

    pipeline: NotRequired[Annotated[str, "Name of its pipeline, where pipelines have names."]]
    task_id: Annotated[str | None, "Identifier of the task."]
    dataset_name: Annotated[str | None, "Name of its dataset."]
    stage_perf: Annotated[list[StageDict], "What it spent in each stage."]


class TasksDict(TypedDict):
    """The tasks of a run: ``tasks.json`` beside the ``tasks.pkl`` that it was made from."""

    format: Annotated[int, "Format of the file."]
    tasks: Annotated[list[TaskDict], "The tasks, in the script's order."]


# --- runs/RUN/run.json and session.json ---


class OwnerDict(TypedDict):
    """A process (``owner``)."""

    pid: Annotated[int, "Its number."]
    start_ticks: Annotated[int | None, "When it started, in clock ticks since boot."]
    hostname: Annotated[str, "The kernel's host name."]
    boot_id: Annotated[str | None, "Identifier of the boot."]
    pid_namespace: Annotated[str | None, "Name space in which `pid` counts."]
    machine_id: Annotated[str | None, "Identifier of the operating system's installation."]


class RunOfSessionDict(TypedDict):
    """One pytest run (``runs`` of ``session.json``)."""

    run_id: Annotated[str, "Identifier of the run: `HOST-PID-RANDOM`."]
    status: Annotated[RunStatus, "`finished` whatever the entries' results; `failed` for internal and usage errors."]
    owner: Annotated[OwnerDict, "The controlling process."]
    started_at: Annotated[str, "Start, UTC, ISO 8601."]
    finished_at: Annotated[str | None, "End, UTC, ISO 8601; null while it runs and where nobody knows."]
    exit_status: Annotated[int | None, "pytest's exit status."]
    entries: Annotated[list[str], "Names of the selected entries, in order."]
    plugin_version: Annotated[str | None, "Version of pytest-curator-bench."]
    config_digest: Annotated[str | None, "Digest of the merged configuration."]
    command_line: Annotated[list[str], "pytest's arguments."]
    reason: Annotated[str | None, "Why the session was started (`--bench-reason`, `run_reason`)."]
    viewer_url: Annotated[str | None, "Where the session can be looked at."]
    signs_results: NotRequired[Annotated[bool, "Whether its results name it under `run_id`; older versions' don't."]]


class RunDict(RunOfSessionDict):
    """One pytest run: ``runs/RUN/run.json``."""

    format: Annotated[int, "Format of the file."]
    results: Annotated[dict[str, Status], "Status of each entry that has a result, by name."]


class ProgressDict(TypedDict):
    """How far the session has come (``progress`` of ``session.json``)."""

    entries: Annotated[int, "Number of selected entries."]
    done: Annotated[int, "How many have ended or were skipped."]
    failed: Annotated[int, "How many of these are neither `passed`, `skipped` nor `xfailed`."]
    running: Annotated[int, "How many have begun and not ended, those that wait for a lease included."]


class SessionDict(TypedDict):
    """All runs that filled the session: ``session.json``."""

    format: Annotated[int, "Format of the file."]
    name: Annotated[str, "Name of the session."]
    status: Annotated[RunStatus, "The gravest status of its runs."]
    started_at: Annotated[str | None, "Start of the first run, UTC, ISO 8601."]
    finished_at: Annotated[str | None, "End of the last run, UTC, ISO 8601; null while one runs."]
    exit_status: Annotated[int | None, "The highest exit status of its runs; null while one runs."]
    counts: Annotated[dict[str, int], "Number of entries by status; kept up to date while the session runs."]
    progress: NotRequired[Annotated[ProgressDict, "The same in sums; older versions don't write it."]]
    entries: Annotated[list[str], "Names of the selected entries, in order."]
    plugin_version: Annotated[str | None, "Of the first run that says it."]
    config_digest: Annotated[str | None, "Of the first run that says it."]
    command_line: Annotated[list[str] | None, "Of the first run that says it."]
    reason: Annotated[str | None, "Of the first run that says it."]
    viewer_url: Annotated[str | None, "Of the first run that says it."]
    runs: Annotated[list[RunOfSessionDict], "The runs, by start, without their `results`."]
    unreadable_runs: NotRequired[Annotated[list[str], "Identifiers of runs whose `run.json` can't be read."]]


# --- env.json ---


class EnvironmentDict(TypedDict):
    """What the session ran on: ``env.json``."""

    format: Annotated[int, "Format of the file."]
    captured_at: Annotated[str, "When it was looked at, UTC, ISO 8601."]
    reason: Annotated[str | None, "Why the session was started."]
    viewer_url: Annotated[str | None, "Where the session can be looked at."]
    machine_class: NotRequired[
        Annotated[
            str | None,
            "Name of the machines whose results may be compared (`machine_class`). Older versions don't write it.",
        ]
    ]
    image_digest: Annotated[str | None, "Digest of the container image (`IMAGE_DIGEST`)."]
    in_container: Annotated[bool, "Whether pytest ran in a container."]
    hostname: Annotated[str, "Name of the machine; `HOST_HOSTNAME` in a container."]
    platform: Annotated[str, "Kernel, its version and the architecture."]
    os: Annotated[str | None, "Name of the distribution."]
    kernel: Annotated[str, "Version of the kernel."]
    machine: Annotated[str, "Architecture."]
    user: Annotated[str, "Name or number of the user."]
    python_executable: Annotated[str, "Path of the interpreter."]
    cpu: Annotated[dict[str, Any], "Model, counts and limits of the CPUs."]
    memory: Annotated[dict[str, Any], "Size and limits of the main memory."]
    shared_memory: Annotated[dict[str, Any] | None, "Size of `/dev/shm`."]
    results_disk: Annotated[dict[str, Any] | None, "Size of the results directory's file system."]
    gpus: Annotated[list[dict[str, Any]], "The GPUs."]
    gpus_note: Annotated[str | None, "Why none is listed."]
    gpu_driver_version: Annotated[str | None, "Version of NVIDIA's driver."]
    cuda_driver_version: Annotated[str | None, "CUDA version of the driver."]
    cuda_toolkit_version: Annotated[str | None, "CUDA version of the toolkit."]
    versions: Annotated[dict[str, str | None], "Versions of Python, Ray, NeMo Curator, torch, pytest and the plugin."]
    git: Annotated[dict[str, Any] | None, "Checkout of the project: commit, branch, local changes."]
    nemo_curator_git: Annotated[
        dict[str, Any] | None,
        "Commit of NeMo Curator and its `source`: the `checkout` that it is imported from, with branch and local "
        "changes; the `directory` that it was installed from, as that is now; the `repository` that pip installed; its "
        "`version`; or the variable `CURATOR_COMMIT`.",
    ]
