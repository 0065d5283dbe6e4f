# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions of NeMo Curator's own runner, read and written again in our format.

Its directories hold ``env.json``, and one directory for each entry with ``results.json`` and ``logs/``. Keys may be
missing: earlier versions of the runner wrote fewer.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import signal
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import open_regular, read_json_object, write_json
from pytest_curator_bench.results.format import read_file, with_format
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.statistics import is_number
from pytest_curator_bench.session.names import (
    LOG_NAME,
    PACKAGES_NAME,
    RESERVED_ENTRY_NAMES,
    RESULTS_NAME,
    RUNS_NAME,
    SESSION_NAME,
    validate_entry_name,
    validate_session_name,
)
from pytest_curator_bench.session.nemo_curator_files import GPU_STATS, LOGS_DIR, NEVER_RAN, TIMED_OUT, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_curator_bench.results.record import Status

__all__ = ["IMPORTED_FROM", "ForeignSession", "find_sessions", "read_session", "write_session"]

IMPORTED_FROM = "imported_from"
"""Key of ``session.json``: where an imported session was read."""
_TASK_METRIC = re.compile(r"task_.*_(?:sum|mean|std)")
_GPUS = re.compile(r"(\d+)X (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSession:
    """A session of that runner.

    Attributes:
        path: its directory.
        results: the entries' results by start, as ours; their paths are those of the source.
        environment: content of ``env.json``, with our keys beside its own.
        problems: one sentence for each file that can't be read.
    """

    path: Path
    results: Sequence[EntryResult]
    environment: Mapping[str, Any]
    problems: Sequence[str]


def find_sessions(directory: Path) -> list[Path]:
    """Return the sessions of that runner: the directory itself, or those in it; raises OSError."""
    if _is_session(directory):
        return [directory]
    return sorted(path for path in directory.iterdir() if path.is_dir() and _is_session(path))


def _is_session(directory: Path) -> bool:
    """Whether results lie in it, and it is none of ours."""
    return not (directory / SESSION_NAME).exists() and next(directory.glob(f"*/{RESULTS_NAME}"), None) is not None


def read_session(session_dir: Path) -> ForeignSession:
    """Read a session; what can't be read is named in ``problems``.

    Raises:
        ValueError: nothing in it can be read.
    """
    results, problems = [], []
    for file in sorted(session_dir.glob(f"*/{RESULTS_NAME}")):
        if file.parent.name in RESERVED_ENTRY_NAMES:
            continue
        try:
            results.append(_result(read_file(file), file.parent))
        except (OSError, ValueError, TypeError, OverflowError) as error:
            text = str(error)
            problems.append(text if str(file) in text else f"{file}: no result ({text})")
    if not results:
        raise ValueError("; ".join(problems) or f"{session_dir}: no result")
    environment: dict[str, Any] = {}
    try:
        environment = _environment(read_file(session_dir / "env.json"))
    except (OSError, ValueError, TypeError) as error:
        problems.append(str(error))
    return ForeignSession(
        path=session_dir,
        results=sorted(results, key=lambda result: (result.started_at or "", result.name)),
        environment=environment,
        problems=problems,
    )


def write_session(session: ForeignSession, results_dir: Path) -> Path:
    """Write a session in our format, under its own name; the same again changes nothing.

    Returns:
        its directory.

    Raises:
        ValueError: its name can't be one, or another session has it.
        OSError: it can't be written.
    """
    name = validate_session_name(session.path.resolve().name)
    target = results_dir / name
    source = str(session.path.resolve())
    if target.resolve() == session.path.resolve():
        raise ValueError(f"{target}: it lies in the results directory itself: give another one with --results DIR")
    is_own = (target / RUNS_NAME).exists() or (target / SESSION_NAME).exists()
    if is_own and read_json_object(target / SESSION_NAME).get(IMPORTED_FROM) != source:
        raise ValueError(f"{target}: there is another session of this name: rename one of them")
    for result in session.results:
        _write_result(result, session.path, target)
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(session.path / PACKAGES_NAME, target / PACKAGES_NAME)
    if session.environment:
        write_json(target / "env.json", with_format("env.json", session.environment))
    write_json(target / SESSION_NAME, with_format(SESSION_NAME, _summary(session, name, source)))  # makes it a session
    return target


def _write_result(result: EntryResult, source: Path, target: Path) -> None:
    entry_dir = target / result.name
    entry_dir.mkdir(parents=True, exist_ok=True)
    log = entry_dir / LOG_NAME
    for place in (source / result.name / LOGS_DIR / LOG_NAME, source / result.name / LOG_NAME):
        with contextlib.suppress(OSError), open(open_regular(place), "rb") as file:  # noqa: PTH123  # a descriptor
            with log.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            break
    data = {**result.to_dict(), "session_name": target.name, "entry_dir": str(entry_dir), "stdouterr_file": str(log)}
    write_json(entry_dir / RESULTS_NAME, data)


def _summary(session: ForeignSession, name: str, source: str) -> dict[str, Any]:
    environment = session.environment
    starts = [result.started_at for result in session.results if result.started_at]
    ends = [result.finished_at for result in session.results if result.finished_at]
    changed = datetime.fromtimestamp(session.path.stat().st_mtime, UTC).isoformat()
    return {
        "name": name,
        "status": "finished",
        "started_at": min(starts, default=changed),
        "finished_at": max(ends, default=None),
        "exit_status": 0 if all(result.success for result in session.results) else 1,
        "counts": dict(sorted(Counter(result.status for result in session.results).items())),
        "entries": [result.name for result in session.results],
        "reason": environment.get("reason"),
        "viewer_url": environment.get("viewer_url"),
        IMPORTED_FROM: source,
        "runs": [],
    }


# --- results.json ---


def _result(data: Mapping[str, Any], entry_dir: Path) -> EntryResult:
    """Return a result as ours; raises ValueError or TypeError where it is none."""
    if not isinstance(data.get("success"), bool):
        raise ValueError("success is missing")  # noqa: TRY004  # the file's, no argument's
    metrics, params = _mapping(data.get("metrics")), _mapping(data.get("params"))
    began, took_s = data.get("exec_started_at"), data.get("exec_time_s")
    exit_code = data.get("exit_code")
    status, reason, error = _outcome(data)
    command = data.get("cmd") or []
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    limit = params.get("entry_timeout_s")
    result = EntryResult(
        name=validate_entry_name(entry_dir.name),
        session_name=entry_dir.parent.name,
        status=status,
        reason=reason,
        error=error,
        timeout_s=float(limit) if is_number(limit) else 0.0,
        nodeid="",
        entry_dir=str(entry_dir),
        stdouterr_file=str(entry_dir / LOG_NAME),
        exec_time_s=float(took_s) if is_number(took_s) else None,
        started_at=_moment(began),
        finished_at=_moment(began + took_s) if is_number(began) and is_number(took_s) else None,
        returncode=exit_code if isinstance(exit_code, int) and exit_code >= 0 else None,
        signal=_signal(exit_code),
        command=words,
        command_line=command if isinstance(command, str) else shlex.join(words),
        script_params=params,
        script_metrics={name: value for name, value in metrics.items() if not _TASK_METRIC.fullmatch(name)},
        task_metrics={name: value for name, value in metrics.items() if _TASK_METRIC.fullmatch(name)},
        warnings=[str(text) for text in _list(data.get("warnings"))],
        resources=_resources(data),
    )
    return EntryResult.from_file(result.to_dict())


def _outcome(data: Mapping[str, Any]) -> tuple[Status, str | None, str | None]:
    exit_code, not_met = data.get("exit_code"), _mapping(data.get("requirements_not_met"))
    if data["success"]:
        return "passed", None, None
    if data.get("timed_out") or exit_code == TIMED_OUT:
        return "timeout", "time-limit", "Timed out."
    if exit_code == NEVER_RAN or exit_code is None:
        return "error", None, str(data.get("error") or "The script never ran.")
    if exit_code != 0:
        ended_by = _signal(exit_code)
        return "failed", "exit-code", f"Ended by {ended_by}." if ended_by else f"Exit status {exit_code}."
    if not_met:
        return "failed", "requirements", "\n".join(str(text) for text in not_met.values())
    return "failed", None, str(data.get("error") or "The runner called it no success, with exit status 0.")


def _signal(exit_code: object) -> str | None:
    if isinstance(exit_code, int) and exit_code < NEVER_RAN:
        with contextlib.suppress(ValueError):
            return signal.Signals(-exit_code).name
    return None


def _resources(data: Mapping[str, Any]) -> dict[str, Any]:
    cluster, gpus = _mapping(data.get("ray_cluster_data")), _mapping(data.get(GPU_STATS))
    return {**({"ray": {"resources": cluster}} if cluster else {}), **({GPU_STATS: gpus} if gpus else {})}


def _moment(seconds: object) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if is_number(seconds) else None


# --- env.json ---


def _environment(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what that runner wrote, with what history reads under our keys."""
    commit, memory_bytes = data.get("git_commit"), data.get("total_system_memory_bytes")
    own: dict[str, Any] = {
        "gpus": _gpus(str(data.get("cuda_visible_devices") or "")),
        "versions": {"python": _known(data.get("python_version")), "ray": _known(data.get("ray_version"))},
        "python_executable": data.get("executable"),
        "reason": data.get("run_reason"),
        "image_digest": _known(data.get("image_digest")),
    }
    if _known(commit):
        own["nemo_curator_git"] = {"commit": commit}
    if is_number(memory_bytes):
        own["memory"] = {"total_bytes": memory_bytes}
    return {key: value for key, value in data.items() if key != "format"} | own


def _known(value: object) -> object:
    return None if value in {UNKNOWN, "not_installed", ""} else value


def _gpus(models: str) -> list[dict[str, str]]:
    """Return the GPUs of a list such as ``2X NVIDIA H100, 1X NVIDIA A100``."""
    matches = filter(None, map(_GPUS.fullmatch, models.split(", ")))
    return [{"name": match[2]} for match in matches for _ in range(min(int(match[1]), 1024))]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
