# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One run of a script, from its plan to its result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_curator_bench._util.atomic import create_new
from pytest_curator_bench._util.container import display_path
from pytest_curator_bench._util.log_tail import log_tail
from pytest_curator_bench._util.text import format_seconds
from pytest_curator_bench.entry.cause import CAUSE_LINES, explain_exit
from pytest_curator_bench.entry.environment import masker_of, record_environment
from pytest_curator_bench.machine.cgroups import count_oom_kills
from pytest_curator_bench.processes.client import ProcessStartError, SupervisorLostError
from pytest_curator_bench.results.outputs import (
    NOT_WRITTEN,
    RECORDS_NAME,
    Outputs,
    keep_task_records,
    prepare_params,
    read_outputs,
)
from pytest_curator_bench.results.record import EntryResult, Status
from pytest_curator_bench.session.claims import read_claim
from pytest_curator_bench.session.entry_results import keep_apart
from pytest_curator_bench.session.names import CLAIM_NAME, LOG_NAME, RESULTS_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pytest_curator_bench._util.interrupts import Interrupts
    from pytest_curator_bench.entry.plan import EntryPlan
    from pytest_curator_bench.processes.client import EndReport, ProcessExit, SupervisedProcess, Supervisor

__all__ = ["run_script"]

# What a script leaves running when it ends by itself gets this long after SIGTERM: its measurement is over.
LEFTOVER_GRACE_S = 2.0


@contextlib.contextmanager
def _unwatched(keeper_pid: int) -> Iterator[None]:
    del keeper_pid
    yield


def run_script(
    plan: EntryPlan,
    supervisor: Supervisor,
    interrupts: Interrupts,
    watching: Callable[[int], AbstractContextManager[None]] = _unwatched,
) -> EntryResult:
    """Run the script to its end, within its limit, and return what came of it.

    A first interrupt ends the script cleanly, a second one at once; the result says so. After the script's own end
    an interrupt only ends at once what the script has left running: what has ended is judged.

    Args:
        plan: what to run.
        supervisor: starts and ends the script.
        interrupts: of this process, which are to be only noted: they raise only in here where it waits.
        watching: given the process ID below which everything runs that the script starts; the context manager that
            it returns is entered when the script has started and left when it has ended.
    """
    try:
        if plan.hands_in_files:
            prepare_params(plan.entry_dir, plan.params)
        record_environment(
            plan.entry_dir,
            plan.environment if plan.recorded_environment is None else plan.recorded_environment,
            plan.mask,
        )
        os.close(create_new(plan.entry_dir / LOG_NAME))  # before the script could put something else there
        process = supervisor.spawn(
            plan.command,
            env=plan.environment,
            cwd=plan.working_dir,
            log_file=plan.entry_dir / LOG_NAME,
            name=plan.name,
            cpus=plan.cpus,
        )
    except (OSError, ProcessStartError) as error:
        return _result(plan, "error", "start", error=f"The script could not be started: {error}")
    try:
        return _supervise(plan, process, interrupts, watching)
    except SupervisorLostError as error:
        # The surviving one of supervisor and keeper kills the entry's processes. Wait for it: the lease is released
        # on return.
        with contextlib.suppress(SupervisorLostError):
            process.end(0.0)
        return _result(plan, "error", "supervisor-lost", outputs=_outputs(plan), error=str(error))
    except BaseException:
        process.end(0.0)
        raise


def _supervise(
    plan: EntryPlan,
    process: SupervisedProcess,
    interrupts: Interrupts,
    watching: Callable[[int], AbstractContextManager[None]],
) -> EntryResult:
    status: Status | None = None
    oom_kills_before = count_oom_kills()
    try:
        with watching(process.keeper_pid), interrupts.raising():
            exit_ = process.wait(plan.timeout_s)
        if exit_ is None:
            status = "timeout"
    except KeyboardInterrupt:
        exit_ = process.wait(0.0)
        if exit_ is None:  # otherwise the script has ended by itself just before
            status = "interrupted"
    report = _end(process, LEFTOVER_GRACE_S if exit_ else plan.grace_s, interrupts)
    exit_ = exit_ or process.wait(0.0)
    oom_kills = count_oom_kills() - oom_kills_before
    return _judge(plan, status, exit_, report, _outputs(plan), oom_kills=oom_kills)


def _end(process: SupervisedProcess, grace_s: float, interrupts: Interrupts) -> EndReport:
    try:
        with interrupts.raising():
            return process.end(grace_s)
    except KeyboardInterrupt:
        return process.end(0.0)


def _outputs(plan: EntryPlan) -> Outputs:
    """Read what the script handed in. What it wrote under a name of ours is renamed first."""
    warnings = _kept_apart(plan.entry_dir)
    if not plan.hands_in_files:
        return Outputs(warnings=warnings)
    outputs = keep_task_records(plan.entry_dir, read_outputs(plan.entry_dir), plan.mask)
    return dataclasses.replace(outputs, warnings=(*warnings, *outputs.warnings))


def _kept_apart(entry_dir: Path) -> tuple[str, ...]:
    found: list[str | None] = []
    claims = [] if read_claim(entry_dir) is not None else [CLAIM_NAME]
    for path in (entry_dir / name for name in (RESULTS_NAME, RECORDS_NAME, *claims)):
        with contextlib.suppress(OSError):  # then nothing can be written there either, which is an error
            if not path.is_dir():
                found.append(keep_apart(path))
    return tuple(filter(None, found))


def _judge(
    plan: EntryPlan,
    status: Status | None,
    exit_: ProcessExit | None,
    report: EndReport,
    outputs: Outputs,
    *,
    oom_kills: int,
) -> EntryResult:
    warnings = [*_leftover_warnings(report, by_itself=status is None), *outputs.warnings]
    reason: str | None = None
    error: str | None = None
    if status == "timeout":
        reason = "time-limit"
        limit = format_seconds(plan.configured_timeout_s)
        error = f"Timed out after {limit}; raise timeout_s or make the script faster"
    elif status == "interrupted":
        reason, error = "keyboard", "Interrupted from the keyboard; what the script had written is kept."
    elif exit_ is None:
        status, reason, error = "error", "supervisor-lost", "The end of the script could not be observed."
    elif exit_.signal is not None or exit_.returncode:
        status, reason = "failed", "exit-code" if exit_.signal is None else "signal"
        log = plan.entry_dir / LOG_NAME
        tail: list[str] | None = None
        if os.path.exists(log):  # noqa: PTH110  # never raises
            # A cluster's token is known to the script's environment alone.
            tail = masker_of(plan.environment).mask_data(plan.mask(log_tail(log, CAUSE_LINES)))
        error = explain_exit(
            exit_,
            tail,
            oom_kills=oom_kills,
            display=lambda file: display_path(Path(file), plan.working_dir),
        )
    elif outputs.problems:
        status, reason, error = "failed", "outputs", _problems_text(outputs)
    else:
        status = "passed"
    return _result(plan, status, reason, exit_=exit_, report=report, outputs=outputs, warnings=warnings, error=error)


def _problems_text(outputs: Outputs) -> str:
    lines = ["; ".join(outputs.problems)]
    if NOT_WRITTEN in lines[0]:
        lines.append("the script must write it to --benchmark-results-path: use pytest_curator_bench.script")
    return "\n".join(lines)


def _result(
    plan: EntryPlan,
    status: Status,
    reason: str | None,
    *,
    exit_: ProcessExit | None = None,
    report: EndReport | None = None,
    outputs: Outputs | None = None,
    warnings: Sequence[str] = (),
    error: str | None = None,
) -> EntryResult:
    return EntryResult(
        name=plan.name,
        session_name=plan.session_name,
        status=status,
        reason=reason,
        nodeid=plan.nodeid,
        entry_dir=str(plan.entry_dir),
        stdouterr_file=str(plan.entry_dir / LOG_NAME),
        timeout_s=plan.configured_timeout_s,
        exec_time_s=exit_.duration_s if exit_ else None,
        started_at=exit_.started_at.isoformat() if exit_ else None,
        finished_at=exit_.finished_at.isoformat() if exit_ else None,
        returncode=exit_.returncode if exit_ else None,
        signal=exit_.signal if exit_ else None,
        command=list(plan.command),
        command_line=shlex.join(plan.command),
        script_params=dict(outputs.params) if outputs else {},
        script_metrics=dict(outputs.metrics) if outputs else {},
        task_metrics=dict(outputs.task_metrics) if outputs else {},
        resources={"cpu_time_s": report.cpu_time_s, "max_rss_bytes": report.max_rss_bytes} if report else {},
        warnings=list(warnings),
        error=error,
        marks=list(plan.marks),
        sink_data=dict(plan.sink_data),
        datasets=list(plan.datasets),
    )


def _leftover_warnings(report: EndReport, *, by_itself: bool) -> list[str]:
    warnings = []
    if by_itself and report.ended:
        warnings.append(f"The script left processes running, which were ended: {', '.join(report.ended)}")
    if report.unkillable:
        warnings.append(f"Processes that could not be ended: {', '.join(report.unkillable)}")
    return warnings
