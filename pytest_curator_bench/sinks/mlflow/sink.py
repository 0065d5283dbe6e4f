# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Results as runs of MLflow: one for the session, and one below it for each result."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field

from pytest_curator_bench._util.atomic import open_regular, read_json_object
from pytest_curator_bench._util.text import format_size
from pytest_curator_bench.results.format import read_file_or_skip
from pytest_curator_bench.session.names import DATA_SETUP_NAME, RUNS_NAME, SCRIPT_ENV_NAME, SESSION_NAME
from pytest_curator_bench.sinks.base import Sink, SinkConfigError, SinkSettings, delivery_key
from pytest_curator_bench.sinks.files.locking import locked
from pytest_curator_bench.sinks.files.masked import TEXT_SUFFIXES, masked_copy
from pytest_curator_bench.sinks.mlflow.names import MAX_TAG_CHARACTERS, cut
from pytest_curator_bench.sinks.mlflow.records import (
    DELIVERY_TAG,
    PREFIX,
    SESSION_NAME_TAG,
    end_status,
    milliseconds,
    result_record,
    session_tags,
)
from pytest_curator_bench.sinks.mlflow.store import MlflowStore, resolved_uri
from pytest_curator_bench.sinks.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DEFAULT_EXPERIMENT", "DEFAULT_URI", "MAX_ARTIFACT_BYTES", "SESSION_TAG", "MlflowSink"]

DEFAULT_URI = "sqlite:///mlflow.db"
DEFAULT_EXPERIMENT = "pytest-curator-bench"
SESSION_TAG = f"{PREFIX}session_key"
"""Finds the run of a session again, whoever made it: a digest of the session's name."""
DONE_TAG = f"{PREFIX}delivered"
LEFT_OUT_TAG = f"{PREFIX}artifacts_left_out"
MAX_ARTIFACT_BYTES = 100_000_000

ARTIFACTS_NAME = "mlflow-artifacts"
# Scratch is a benchmark's data; of Ray's own logs there are hundreds.
_LEFT_OUT_DIRS = frozenset({"ray", "scratch"})
_DATABASES = ("mssql", "mysql", "postgresql", "sqlite")


class MlflowSettings(SinkSettings):
    """Settings of the sink ``mlflow``."""

    tracking_uri: str = Field(DEFAULT_URI, description="Server or store; a relative path starts at results_dir.")
    experiment: str = Field(
        DEFAULT_EXPERIMENT, min_length=1, max_length=500, description="The experiment's name; made where missing."
    )


class MlflowSink(Sink):
    """Keeps results as runs: ``docs/sinks/mlflow.md`` says what of a result becomes what.

    Runs are found again by tags, the session's by a digest of its name, a result's by its delivery key. So several
    jobs join one session's run, and a result that comes again is completed, not doubled.
    """

    # Importing mlflow and making a store take 13 s on a busy machine; requests have limits of their own.
    call_limit_s: ClassVar[float] = 60.0
    libraries: ClassVar[tuple[str, ...]] = ("alembic", "mlflow", "sqlalchemy")

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = MlflowSettings.read(config)
        _check_uri(self._settings.tracking_uri)
        needed = ["mlflow", *(["sqlalchemy"] if _is_database(self._settings.tracking_uri) else [])]
        if any(find_spec(module) is None for module in needed):
            raise SinkConfigError("", "MLflow is not installed: pip install 'pytest-curator-bench[mlflow]'")
        self._session_name = ""
        self._env_data: Mapping[str, Any] = {}
        self._store: MlflowStore | None = None
        self._session: tuple[str, Any] | None = None
        self._parts = Parts(self.report_left_out)

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Find the session's run, or make it."""
        self._session_name, self._env_data = session_name, env_data
        store = self._opened()
        _, session_run = self._session_run(store)
        if read_file_or_skip(self._session_dir / SESSION_NAME).get("status") in {None, "running"}:
            store.begin(session_run.info.run_id)

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Make the result's run complete, whatever there is of it already."""
        store = self._opened()
        try:
            self._deliver(store, *self._session_run(store), result)
        except Exception:
            self._session = None  # they may be gone: deleted, or the server was replaced
            raise

    def _deliver(self, store: MlflowStore, experiment_id: str, session_run: Any, result: Mapping[str, Any]) -> None:
        entry_dir = _own_dir(result)
        result = self.masked(result)
        record = result_record(result, entry_dir)
        run = store.find_or_create(
            experiment_id,
            (DELIVERY_TAG, record.key),
            name=record.name,
            start_ms=record.start_ms,
            parent_id=session_run.info.run_id,
        )
        if run.data.tags.get(DONE_TAG):
            return
        parts, run_id = self._parts, run.info.run_id
        parts.begin(record.key)
        store.log_tags(run_id, record.tags, parts.leave_out)
        store.log_params(run_id, record.params, parts.leave_out)
        store.log_points(run_id, record.points, run.info.start_time, parts.leave_out)
        parts.deliver("results.json", lambda: store.log_json(run_id, result, "results.json"))
        if entry_dir is not None:
            for file in _files_below(entry_dir, parts):
                if file != entry_dir / "results.json":  # the result itself is there
                    self._log_file(store, run, file, entry_dir)
        parts.end()
        store.end(run_id, record.status, record.end_ms)
        left_out = {LEFT_OUT_TAG: cut(", ".join(parts.left_out), MAX_TAG_CHARACTERS)} if parts.left_out else {}
        store.log_tags(run_id, {**left_out, DONE_TAG: "true"})

    def finalize(self) -> None:
        """Bring the session's run up to date; its end is that of the last job that fills the session."""
        store = self._opened()
        _, run = self._session_run(store)
        session = read_file_or_skip(self._session_dir / SESSION_NAME)
        counts = session.get("counts") or {}
        self._parts.begin("session")
        store.log_tags(run.info.run_id, {f"{PREFIX}{status}": str(count) for status, count in counts.items()})
        for file in _files_below(self._session_dir, self._parts, is_deep=False):
            self._log_file(store, run, file, self._session_dir)
        for directory in (RUNS_NAME, DATA_SETUP_NAME):
            for file in _files_below(self._session_dir / directory, self._parts):
                self._log_file(store, run, file, self._session_dir)
        self._parts.end()
        if session.get("status") != "running":
            is_over = session.get("status") in {"finished", None}
            status = end_status(counts) if is_over else "KILLED"
            store.end(run.info.run_id, status, milliseconds(session.get("finished_at")))

    @property
    def _session_dir(self) -> Path:
        return Path(self._env_data["session_dir"])

    def _opened(self) -> MlflowStore:
        if self._store is None:
            results_dir = Path(self._env_data["results_dir"])
            uri = resolved_uri(self._settings.tracking_uri, results_dir)
            store = MlflowStore(uri, results_dir.resolve() / ARTIFACTS_NAME, self.report_progress)
            store.open()
            self._store = store
        return self._store

    def _session_run(self, store: MlflowStore) -> tuple[str, Any]:
        """The experiment's id and the session's run."""
        if self._session is None:
            experiment_id = store.experiment(self._settings.experiment)
            key = hashlib.sha256(self._session_name.encode()).hexdigest()[:32]
            with locked(self.state_dir / "session.lock"):  # jobs that begin at the same time make one run
                run = store.find_or_create(experiment_id, (SESSION_TAG, key), name=self._session_name)
                if SESSION_NAME_TAG not in run.data.tags:  # the facts of the job that was first stay
                    store.log_tags(run.info.run_id, session_tags(self._session_name, self._env_data))
            self._session = experiment_id, run
        return self._session

    def _log_file(self, store: MlflowStore, run: Any, file: Path, base_dir: Path) -> None:
        """Upload a file, secrets masked; one that is too large, or can't be read, is left out."""
        name = file.relative_to(base_dir).as_posix()

        def upload() -> None:
            with masked_copy(file, self.state_dir / "masked", self.masked, self.report_progress) as copy:
                store.log_file(run, copy, name)

        try:
            size_bytes = file.stat().st_size
            os.close(open_regular(file))
        except OSError as error:
            self._parts.leave_out(name, f"it can't be read: {error.strerror}")
            return
        if size_bytes > MAX_ARTIFACT_BYTES:
            self._parts.leave_out(name, f"{format_size(size_bytes)} is more than {format_size(MAX_ARTIFACT_BYTES)}")
            return
        self._parts.deliver(name, upload)


def _files_below(directory: Path, parts: Parts, *, is_deep: bool = True) -> Iterator[Path]:
    """Files that are kept as artifacts, in order; links are not followed."""
    for path in _listed(directory, parts):
        if path.is_dir():
            if is_deep and path.name not in _LEFT_OUT_DIRS:
                yield from _files_below(path, parts)
        elif path.name != SCRIPT_ENV_NAME and path.is_file() and path.suffix in TEXT_SUFFIXES:
            yield path


def _listed(directory: Path, parts: Parts) -> list[Path]:
    try:
        found = sorted(directory.iterdir())
        return [path for path in found if not path.name.startswith(".") and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        parts.leave_out(directory.name, f"it can't be read: {error.strerror}")
        return []


def _own_dir(result: Mapping[str, Any]) -> Path | None:
    """The entry's directory, unless it is gone, or holds the files of a later run by now."""
    entry_dir = Path(str(result.get("entry_dir")))
    found = read_json_object(entry_dir / "results.json")
    return entry_dir if delivery_key(found) == delivery_key(result) else None


def _is_database(uri: str) -> bool:
    return urlsplit(uri).scheme.partition("+")[0] in _DATABASES


def _check_uri(uri: str) -> None:
    """Refuse what is no place for results; raises SinkConfigError."""
    expected = "expected http://…, https://…, sqlite:///FILE, file:DIRECTORY, or a database's URI"
    try:
        url = urlsplit(uri)
        host = url.hostname
    except ValueError:
        raise SinkConfigError("tracking_uri", f"found text that is no URI, {expected}") from None
    if not uri.strip() or any(character < " " for character in uri):
        raise SinkConfigError("tracking_uri", f"found text that is no URI, {expected}")
    if url.scheme in {"http", "https"}:
        is_usable = bool(host)
    elif url.scheme == "sqlite":
        name = uri.removeprefix("sqlite:///").partition("?")[0]
        is_usable = uri.startswith("sqlite:///") and name not in {"", ":memory:"} and not name.endswith("/")
    else:
        is_usable = url.scheme in {"", "file"} or _is_database(uri)
    if not is_usable:
        raise SinkConfigError("tracking_uri", f"found text that names no server or store, {expected}")
