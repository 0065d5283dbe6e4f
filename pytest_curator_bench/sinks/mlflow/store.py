# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""MLflow's client as the sink uses it: its limits, its time-outs, and the meaning of its errors.

The only module that imports mlflow, when a store is opened. It uses ``MlflowClient`` alone: the fluent API works on
global state. The client takes no time-out and no number of retries: it reads them from environment variables in each
request. So the *defaults* of these variables are changed while a call runs, and only then; variables that the user has
set take precedence, and scripts, which inherit the environment, see nothing of it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pytest_curator_bench._util.atomic import json_line
from pytest_curator_bench._util.text import error_text
from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError
from pytest_curator_bench.sinks.http import is_temporary, refusal
from pytest_curator_bench.sinks.mlflow.sqlite import broken_store_explained, each_migration, make_sqlite, sqlite_uri
from pytest_curator_bench.sinks.parts import send_what_is_taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_curator_bench.sinks.mlflow.records import Point

__all__ = ["REQUEST_TIMEOUT_S", "MlflowStore", "resolved_uri"]

REQUEST_TIMEOUT_S = 8
"""For connecting, and for each answer, in seconds; shorter than a sink's call may go without a sign of life."""

MAX_METRICS = 1000
MAX_PARAMS_OR_TAGS = 100
# MLflow refuses requests of more than 1,000,000 characters.
MAX_REQUEST_CHARACTERS = 500_000
PARENT_TAG = "mlflow.parentRunId"

_WEB_SCHEMES = frozenset({"http", "https", "mlflow-artifacts"})
# What a URL can't hold as it is, and the HTTP library leaves alone.
_SPECIAL = re.compile(r"[%#?\x00-\x1f\x7f]")
# How MLflow words an answer that is no JSON, whose status it forgets if it is none of its own.
_STATUS = re.compile(r"failed with error code (\d{3}) != ")
# What is gone by now is made anew at the next try.
_GONE = "RESOURCE_DOES_NOT_EXIST"
_Item = TypeVar("_Item")
_LeaveOut = Callable[[str, str], None]


def resolved_uri(uri: str, base_dir: Path) -> str:
    """``uri`` with a relative path of an SQLite or file store beginning at ``base_dir``."""
    scheme = urlsplit(uri).scheme
    if uri.startswith("sqlite:///"):
        path, mark, options = uri.removeprefix("sqlite:///").partition("?")
        return f"{sqlite_uri((base_dir / Path(unquote(path)).expanduser()).resolve())}{mark}{options}"
    if scheme == "file" and not uri.startswith("file://"):
        uri, scheme = uri.removeprefix("file:"), ""
    if scheme == "":
        return (base_dir / Path(uri).expanduser()).resolve().as_uri()
    return uri


class MlflowStore:
    """A server, or a store on this machine.

    Every method raises TransientSinkError, PermanentSinkError, or what libraries below MLflow raise, and can be
    called again.

    Attributes:
        uri: where it is.

    Args:
        uri: of the server or store, with absolute paths.
        artifact_dir: where artifacts of a database without a server go.
        on_progress: called after each request.
    """

    def __init__(self, uri: str, artifact_dir: Path, on_progress: Callable[[], None]) -> None:
        self.uri = uri
        self._artifact_dir = artifact_dir
        self._on_progress = on_progress
        self._where = urlsplit(uri).hostname or urlsplit(uri).path
        self._client: Any = None

    def open(self) -> None:
        """Import mlflow and make the store, if it is one on this machine."""
        with _telemetry_disabled():
            from mlflow import MlflowClient
        self._on_progress()
        with self._talking(), each_migration(self._on_progress):
            if urlsplit(self.uri).scheme.startswith("sqlite"):
                with broken_store_explained(self.uri):
                    make_sqlite(self.uri, self._make_tables)
                    self._client = MlflowClient(tracking_uri=self.uri)
            else:
                self._client = MlflowClient(tracking_uri=self.uri)

    def _make_tables(self, uri: str) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(uri, self._artifact_dir.as_uri()).engine.dispose()

    def experiment(self, name: str) -> str:
        """The id of the experiment called so, which is made if there is none."""
        from mlflow.exceptions import MlflowException

        with self._talking():
            found = self._client.get_experiment_by_name(name)
            if found is None:
                try:
                    return str(self._client.create_experiment(name, artifact_location=self._artifact_location()))
                except MlflowException as error:
                    if error.error_code != "RESOURCE_ALREADY_EXISTS":
                        raise
                found = self._client.get_experiment_by_name(name)  # another job was faster
        if found is None:
            raise TransientSinkError(f"MLflow at {self._where} has, and has not, the experiment {name!r}")
        if found.lifecycle_stage != "active":
            raise PermanentSinkError(
                f"the experiment {name!r} is deleted at {self._where}, which keeps its name taken: restore it "
                f"(mlflow experiments restore -x {found.experiment_id}), or name another one with `experiment`"
            )
        return str(found.experiment_id)

    def find_or_create(
        self,
        experiment_id: str,
        tag: tuple[str, str],
        *,
        name: str,
        start_ms: int | None = None,
        parent_id: str | None = None,
    ) -> Any:
        """The run with ``tag``, whose value must be hexadecimal digits; made if there is none.

        Where there are several, the first; MLflow can't keep two that look at the same time from making one each.
        """
        key, value = tag
        with self._talking():
            found = self._client.search_runs([experiment_id], f"tags.`{key}` = '{value}'", max_results=100)
        if found:
            return min(found, key=lambda run: (run.info.start_time, run.info.run_id))
        tags = {key: value, **({PARENT_TAG: parent_id} if parent_id else {})}
        with self._talking():
            return self._client.create_run(experiment_id, run_name=name[:250], tags=tags, start_time=start_ms)

    def log_tags(self, run_id: str, tags: Mapping[str, str], leave_out: _LeaveOut | None = None) -> None:
        """Set tags; those of the same key are replaced.

        Args:
            run_id: the run.
            tags: by key.
            leave_out: called with the name of each that the server refuses, and the reason; without it that raises.
        """
        from mlflow.entities import RunTag

        def send(items: Sequence[tuple[str, str]]) -> None:
            self._log(run_id, tags=[RunTag(key, value) for key, value in items])

        self._log_batches("tag", _batches(tags.items(), MAX_PARAMS_OR_TAGS), send, leave_out)

    def log_params(self, run_id: str, params: Mapping[str, str], leave_out: _LeaveOut) -> None:
        """Set parameters; what is set already must be the same. For ``leave_out`` see :meth:`log_tags`."""
        from mlflow.entities import Param

        def send(items: Sequence[tuple[str, str]]) -> None:
            self._log(run_id, params=[Param(key, value) for key, value in items])

        self._log_batches("parameter", _batches(params.items(), MAX_PARAMS_OR_TAGS), send, leave_out)

    def log_points(self, run_id: str, points: Sequence[Point], default_ms: int, leave_out: _LeaveOut) -> None:
        """Add to metrics; MLflow keeps one of points that are the same.

        Args:
            run_id: the run.
            points: values.
            default_ms: the time of points without one.
            leave_out: as for :meth:`log_tags`.
        """
        from mlflow.entities import Metric

        def send(items: Sequence[tuple[str, Point]]) -> None:
            times = [default_ms if point.timestamp_ms is None else point.timestamp_ms for _, point in items]
            self._log(
                run_id,
                metrics=[
                    Metric(key, point.value, time_ms, point.step)
                    for (key, point), time_ms in zip(items, times, strict=True)
                ],
            )

        self._log_batches("metric", _batches(((point.key, point) for point in points), MAX_METRICS), send, leave_out)

    def _log(self, run_id: str, **batch: Any) -> None:
        with self._talking():
            self._client.log_batch(run_id, **batch)

    @staticmethod
    def _log_batches(
        what: str,
        batches: Iterable[list[tuple[str, _Item]]],
        send: Callable[[Sequence[tuple[str, _Item]]], None],
        leave_out: _LeaveOut | None,
    ) -> None:
        for batch in batches:
            if leave_out is None:
                send(batch)
            else:
                send_what_is_taken(batch, send, lambda item, reason: leave_out(f"{what} {item[0]}", reason))

    def log_file(self, run: Any, file: Path, name: str) -> None:
        """Upload one file, replacing one of the same name.

        Args:
            run: the run.
            file: the file.
            name: its path among the run's artifacts, with ``/`` between directories.
        """
        if urlsplit(str(run.info.artifact_uri)).scheme in _WEB_SCHEMES:
            if unquote(name) != name:
                raise PermanentSinkError(
                    "MLflow's server would take its name for another one", status=HTTPStatus.BAD_REQUEST
                )
            name = _SPECIAL.sub(lambda match: f"%{ord(match[0]):02X}", name)
        directory, _, base = name.rpartition("/")
        with contextlib.ExitStack() as stack:
            path = file
            if base != file.name:  # MLflow takes the artifact's name from the file's, and quotes nothing
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="curator-bench-"))) / base
                path.symlink_to(file.absolute())
            with self._talking():
                self._client.log_artifact(run.info.run_id, str(path), directory or None)

    def log_json(self, run_id: str, data: object, name: str) -> None:
        """Upload data as a JSON file."""
        with self._talking():
            self._client.log_text(run_id, json_line(data), name)

    def begin(self, run_id: str) -> None:
        """Say that the run goes on."""
        with self._talking():
            self._client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: str, end_ms: int | None) -> None:
        """Say that the run has ended; without ``end_ms`` now."""
        with self._talking():
            self._client.set_terminated(run_id, status, end_ms)

    def _artifact_location(self) -> str | None:
        """Where a new experiment's artifacts go: servers know themselves, file stores keep them beside the rest."""
        if urlsplit(self.uri).scheme in {"http", "https", "file"}:
            return None
        return self._artifact_dir.as_uri()

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        import requests
        from mlflow.exceptions import MlflowException

        try:
            with _BORROWED:
                yield
        except MlflowException as error:
            text = f"MLflow at {self._where}: {_short(error_text(error))}"
            match = _STATUS.search(error.message)
            status = int(match[1]) if match else error.get_http_status_code()
            is_refusal = status >= HTTPStatus.BAD_REQUEST and not is_temporary(status)
            if is_refusal and error.error_code != _GONE:
                raise PermanentSinkError(text, status=status) from error
            raise TransientSinkError(text) from error
        except requests.HTTPError as error:  # the answer to a file
            status = error.response.status_code
            text = f"MLflow at {self._where} answered with status {status}: {_answer(error.response)}"
            raise refusal(text.removesuffix(": "), status, error.response.headers.get("Retry-After")) from error
        self._on_progress()


class _BorrowedSettings:
    """Settings of MLflow that are the sink's own while a call of any sink runs, and the user's otherwise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._before = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            self._calls += 1
            if self._calls == 1:
                self._change()

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._calls -= 1
            if not self._calls:
                self._before.close()

    def _change(self) -> None:
        from mlflow import environment_variables as variables

        for variable, default in (
            # The sink's worker repeats calls, and knows when; creating a run twice could make two of them.
            (variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES, 0),
            (variables.MLFLOW_HTTP_REQUEST_TIMEOUT, REQUEST_TIMEOUT_S),
            (variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, True),
            (variables.MLFLOW_ALLOW_FILE_STORE, True),  # whoever writes file: wants it
        ):
            self._before.callback(setattr, variable, "default", variable.default)
            variable.default = default
        # Its own handler writes into the terminal, which is pytest's.
        logger = logging.getLogger("mlflow")
        self._before.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)


_BORROWED = _BorrowedSettings()


@contextlib.contextmanager
def _telemetry_disabled() -> Iterator[None]:
    """Keep MLflow, which decides that when it is imported, from reporting what is done with it to its makers.

    A benchmark's numbers are nobody else's business, and CI often has no network.
    """
    name = "MLFLOW_DISABLE_TELEMETRY"
    is_ours = name not in os.environ
    os.environ.setdefault(name, "true")
    try:
        yield
    finally:
        if is_ours:
            os.environ.pop(name, None)


def _batches(items: Iterable[tuple[str, _Item]], most: int) -> Iterator[list[tuple[str, _Item]]]:
    batch: list[tuple[str, _Item]] = []
    size = 0
    for key, value in items:
        # A text as the request has it, with escapes; a metric's numbers take less than 100 characters.
        length = len(key) + (len(json.dumps(value)) if isinstance(value, str) else 100)
        if batch and (len(batch) == most or size + length > MAX_REQUEST_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += length
    if batch:
        yield batch


def _answer(response: Any) -> str:
    """The message of an answer from MLflow, else the reason that goes with its status."""
    try:
        return str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        return str(response.reason or "")


def _short(message: str) -> str:
    """MLflow's message without what its HTTP library says around the cause."""
    _, cause, rest = message.partition("(Caused by ")
    return rest.rstrip(")") if cause else message
