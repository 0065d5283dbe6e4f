# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink mlflow against a real server and real stores; everything is read back through MLflow's own client."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import logging
import math
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.atomic import open_regular, write_json
from pytest_curator_bench.sinks import PermanentSinkError, TransientSinkError, delivery_key
from pytest_curator_bench.sinks.mlflow import sink as sink_module
from pytest_curator_bench.sinks.mlflow import store as mlflow_store
from pytest_curator_bench.sinks.mlflow.records import milliseconds
from pytest_curator_bench.sinks.mlflow.sink import DONE_TAG, MlflowSink
from pytest_curator_bench.sinks.mlflow.store import MlflowStore, resolved_uri
from tests.plugin.test_sinks_plugin import replay
from tests.support.loopback import serving
from tests.support.mlflow_gate import Gate
from tests.support.mlflow_server import Runs, Server, server
from tests.support.sinks import env_data_of, result_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.bench_project import Project

__all__ = ["server"]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::mlflow[.]")]

# Stands in for the plugin's sampler where that is off; waits for a file if it is told to.
SCRIPT = """
import datetime, json, pathlib, pickle, sys, time
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
(out / "telemetry.csv").write_text(f"time_utc,elapsed_s,machine_load\\n{moment},0,1.5\\n")
metrics = {"rate (rows/s)": 2.5, "rate [rows/s]": 3.5, "nested": {"ok": True}, "loss": float("nan"), "note": "fast"}
(out / "params.json").write_text(json.dumps({"size": 7, "deep": {"path": "a/b"}}))
(out / "metrics.json").write_text(json.dumps(metrics))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
if "--wait-for" in sys.argv:
    while not pathlib.Path(sys.argv[sys.argv.index("--wait-for") + 1]).exists():
        time.sleep(0.05)
print("hello from the script")
sys.exit(3 if "--fail" in sys.argv else 0)
"""
LIMIT_S = 120.0


@pytest.fixture(scope="module", autouse=True)
def store_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite store, made once for all: that takes seconds.

    Before any other fixture: what is imported first while pytester is at work is taken out of sys.modules again,
    which neither MLflow nor SQLAlchemy outlive.
    """
    directory = tmp_path_factory.mktemp("store")
    store = MlflowStore(f"sqlite:///{directory}/mlflow.db", directory / "artifacts", lambda: None)
    store.open()
    run = store.find_or_create(store.experiment("first"), ("first", "0"), name="first")
    store.log_json(run.info.run_id, {}, "first.json")
    assert Runs(store.uri, "first").artifacts(run) == {"first.json"}
    return store.uri


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests makes no request of these too slow."""
    monkeypatch.setattr(mlflow_store, "REQUEST_TIMEOUT_S", LIMIT_S)


def be_patient(project: Project) -> None:
    """To import MLflow may take longer than a session waits for a sink at its end, where the machine is busy."""
    (project.path / "benchmarks" / "conftest.py").write_text(
        "from pytest_curator_bench.delivery.dispatcher import SinkDispatcher\n"
        f"SinkDispatcher.__init__.__kwdefaults__['patience_s'] = {LIMIT_S}\n"
    )


def deadline_passed(until: float) -> bool:
    """Waits a little; for loops that end in an error rather than never."""
    time.sleep(0.05)
    return time.monotonic() > until


def test_two_entries_on_two_workers(project: Project, server: Server) -> None:
    """A run for the session, one below it for each entry, with all that is known of it."""
    be_patient(project)
    project.script("measure.py", SCRIPT)
    project.config(
        f"""
        telemetry: {{interval_s: 0}}
        sinks: [{{name: mlflow, tracking_uri: '{server.uri}', experiment: two}}]
        run_reason: to see
        entries:
          - {{name: good, script: measure.py}}
          - {{name: bad, script: measure.py, args: --fail}}
        """
    )
    result = project.run("-n", "2")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["sink mlflow: 2 delivered"])
    result.stdout.no_fnmatch_line("*View run*")
    runs = Runs(server.uri, "two")
    (session,) = runs.sessions
    environment = json.loads((project.session_dir / "env.json").read_text())
    assert (session.info.run_name, session.info.status) == (project.session_dir.name, "FAILED")
    assert session.info.end_time == milliseconds(project.session()["finished_at"])
    tags = session.data.tags
    assert (tags["curator_bench.session"], tags["curator_bench.reason"]) == (project.session_dir.name, "to see")
    assert (tags["curator_bench.passed"], tags["curator_bench.failed"]) == ("1", "1")
    assert tags["env.hostname"] == environment["hostname"]
    assert runs.artifacts(session) >= {"env.json", "packages.txt", "config.yaml", "session.json"}
    assert json.loads(runs.text(session, "env.json", project.path)) == environment

    found = runs.results(session)
    assert {name: run.info.status for name, run in found.items()} == {"good": "FINISHED", "bad": "FAILED"}
    for name, run in found.items():
        expected = project.sent(name)
        end_ms = milliseconds(expected["finished_at"])
        assert (run.info.start_time, run.info.end_time) == (milliseconds(expected["started_at"]), end_ms)
        assert run.data.params == {"size": "7", "deep.path": "a/b"}
        metrics = dict(run.data.metrics)
        assert sorted(value for key, value in metrics.items() if key.startswith("rate")) == [2.5, 3.5]
        assert math.isnan(metrics["loss"])
        assert (metrics["nested.ok"], metrics["exec_time_s"]) == (1, expected["exec_time_s"])
        assert runs.history(run, "exec_time_s") == [(0, expected["exec_time_s"], end_ms)]
        assert run.data.tags["curator_bench.status"] == expected["status"]
        assert run.data.tags["metric.note"] == "fast"
        assert run.data.tags["curator_bench.delivery_key"] == delivery_key(expected)
        files = {"results.json", "params.json", "metrics.json", "stdouterr.log", "telemetry.csv"}
        assert files <= runs.artifacts(run) <= {*files, "ray.log", "tasks.json"}
        assert json.loads(runs.text(run, "results.json", project.path)) == expected
        assert "hello from the script" in runs.text(run, "stdouterr.log", project.path)
        rows = list(csv.DictReader((project.session_dir / name / "telemetry.csv").read_text().splitlines()))
        points = runs.history(run, "system/machine_load")
        assert [(value, moment) for _, value, moment in points] == [
            (float(row["machine_load"]), milliseconds(row["time_utc"])) for row in rows if row["machine_load"]
        ]
    assert "exit-code" in found["bad"].data.tags["mlflow.note.content"]


def test_the_server_dies_between_the_entries(project: Project, server: Server) -> None:
    """What it missed comes by a replay: nothing is missing then, and nothing is there twice."""
    be_patient(project)
    project.script("measure.py", SCRIPT)
    project.config(
        f"""
        telemetry: {{interval_s: 0}}
        sinks: [{{name: mlflow, tracking_uri: '{server.uri}', experiment: killed, deliver: during}}]
        entries:
          - {{name: good, script: measure.py}}
          - {{name: bad, script: measure.py, args: '--fail --wait-for {project.path}/go'}}
        """
    )
    command = [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml"]
    run = project.pytester.popen([*command, "-p", "no:cacheprovider"], stdin=subprocess.DEVNULL)
    until = time.monotonic() + LIMIT_S
    while not list(project.path.glob("results/*/sinks/mlflow/delivered/*.json")):
        assert run.poll() is None
        assert not deadline_passed(until)
    server.kill()
    (project.path / "go").touch()
    output = run.communicate(timeout=LIMIT_S)[0].decode()
    server.start()
    assert run.returncode == 1
    assert "sink mlflow: 1 delivered; 1 kept for replay (bad); not finalized" in output
    assert "Connection refused" in output
    assert set(Runs(server.uri, "killed").results(Runs(server.uri, "killed").sessions[0])) == {"good"}
    arguments = [str(project.session_dir), "--config", "benchmarks/config.yaml"]
    done = replay(project, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "sink mlflow: 1 delivered\n", "")
    before = contents(server.uri, "killed")
    for receipt in (project.session_dir / "sinks/mlflow/delivered").iterdir():
        receipt.unlink()
    assert replay(project, *arguments).stdout == "sink mlflow: 2 delivered\n"
    assert contents(server.uri, "killed") == before
    runs = Runs(server.uri, "killed")
    (session,) = runs.sessions
    assert session.info.status == "FAILED"
    found = runs.results(session)
    assert {name: run.info.status for name, run in found.items()} == {"good": "FINISHED", "bad": "FAILED"}
    for name, result_run in found.items():
        assert len(runs.history(result_run, "exec_time_s")) == 1
        assert json.loads(runs.text(result_run, "results.json", project.path)) == project.sent(name)


def contents(uri: str, experiment: str) -> list[tuple[Any, ...]]:
    """All that is in an experiment, in a form that compares."""
    runs = Runs(uri, experiment)
    return sorted(
        (
            run.info.run_id,
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            sorted(run.data.tags.items()),
            sorted(run.data.params.items()),
            [(key, str(runs.history(run, key))) for key in sorted(run.data.metrics)],
            sorted(runs.artifacts(run)),
        )
        for run in runs.runs
    )


def test_two_jobs_fill_one_session_in_the_embedded_store(project: Project) -> None:
    """Without settings all is kept in results_dir; both jobs share the session's run, whose end is the later one's."""
    be_patient(project)
    project.config("sinks: [{name: mlflow}]\nentries: [{name: a, script: ok.py}, {name: b, script: ok.py}]\n")
    for entry in ("a", "b"):
        result = project.run("--bench-session", "one", "--bench-entry", entry)
        result.stdout.fnmatch_lines(["sink mlflow: 1 delivered"])
        assert "warning" not in result.stdout.str() + result.stderr.str()
        assert "alembic" not in result.stderr.str()
    made = {path.name for path in (project.path / "results").iterdir()}
    assert made == {"mlflow.db", "mlflow-artifacts", "one", "artifacts"}
    assert not [path for path in project.path.iterdir() if path.name.startswith("ml")]
    runs = Runs(f"sqlite:///{project.path}/results/mlflow.db")
    (session,) = runs.sessions
    assert set(runs.results(session)) == {"a", "b"}
    assert (session.info.status, session.data.tags["curator_bench.passed"]) == ("FINISHED", "2")
    assert session.info.end_time == milliseconds(project.session()["finished_at"])
    assert "results.json" in runs.artifacts(runs.results(session)["a"])


def test_credentials_stay_secret(project: Project, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in the server's address are in no file of the session and in no line of output, not even in errors."""
    monkeypatch.setenv("TRACKING_URI", f"http://planted-user:planted-password@127.0.0.1:{closed_port}/mlflow")
    be_patient(project)
    project.config("sinks: [{name: mlflow, tracking_uri: '${TRACKING_URI}'}]\nentries: [{name: a, script: ok.py}]\n")
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["sink mlflow: 0 delivered; 1 kept for replay (a)*MLflow at 127.0.0.1: *refused*"])
    done = replay(project, str(project.session_dir), "--config", "benchmarks/config.yaml")
    assert done.returncode == 1
    for text in (
        *(result.stdout.str(), result.stderr.str(), done.stdout, done.stderr),
        *(file.read_text(errors="replace") for file in project.session_dir.rglob("*") if file.is_file()),
    ):
        assert "planted" not in text


# --- the sink by itself ---


def sink_of(tmp_path: Path, uri: str, experiment: str) -> MlflowSink:
    """A sink for a session in ``tmp_path``, initialized."""
    sink = MlflowSink({"name": "mlflow", "tracking_uri": uri, "experiment": experiment})
    sink.name, sink.state_dir = "mlflow", tmp_path
    sink.initialize("s", env_data_of(tmp_path / "s"))
    return sink


def entry_of(tmp_path: Path, **changes: Any) -> Any:
    """A result with a directory that holds its files."""
    entry_dir = tmp_path / "s" / "a"
    entry_dir.mkdir(parents=True)
    result = result_of(entry_dir=str(entry_dir), **changes)
    write_json(entry_dir / "results.json", result)
    (entry_dir / "stdouterr.log").write_text("log")
    return result


STRANGE = ["a?b.log", "100%.log", "a b.log", "ü.log", "empty.txt", "dir.json/in.log", "a;b&c+d.csv"]
REFUSED = ["#3.json", "worker#3.log", "sub#1/in.log", "new\nline.log", "100%41.log"]


def write_files(entry_dir: Path, names: list[str]) -> None:
    """Files with their own names as content."""
    for name in names:
        (entry_dir / name).parent.mkdir(exist_ok=True)
        (entry_dir / name).write_text("" if name.startswith("empty") else name)


def test_files_that_a_server_does_not_take_are_left_out(tmp_path: Path, server: Server) -> None:
    """Each with its line; the others arrive, under their own names, and the result is done."""
    result = entry_of(tmp_path)
    entry_dir = tmp_path / "s" / "a"
    write_files(entry_dir, [*STRANGE, *REFUSED])
    (entry_dir / "dangling.log").symlink_to("nowhere")
    os.mkfifo(entry_dir / "pipe.log")
    sink = sink_of(tmp_path, server.uri, "refused")
    lines: list[str] = []
    sink._on_left_out = lines.append
    sink.process_result(result)
    assert sorted(line.partition(": ")[0] for line in lines) == sorted(name.replace("\n", "\\n") for name in REFUSED)
    assert "#3.json: MLflow at 127.0.0.1 answered with status 400: Invalid path" in lines
    runs = Runs(server.uri, "refused")
    (run,) = runs.results(runs.sessions[0]).values()
    assert runs.artifacts(run) == {"results.json", "stdouterr.log", *STRANGE}
    (kept,) = (server.directory / "artifacts").rglob("a[?]b.log")
    assert (kept.name, kept.read_text()) == ("a?b.log", "a?b.log")
    assert run.data.tags[DONE_TAG] == "true"
    assert "worker#3.log" in run.data.tags["curator_bench.artifacts_left_out"]


def test_files_that_can_not_be_read_are_left_out(
    tmp_path: Path, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So are directories; nothing else is."""
    result = entry_of(tmp_path)
    write_files(tmp_path / "s" / "a", ["closed.log", "closed/in.log", "open.log"])

    def denying(call: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def deny(path: Path) -> Any:
            if path.stem == "closed":
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return call(path)

        return deny

    monkeypatch.setattr(sink_module, "open_regular", denying(open_regular))
    monkeypatch.setattr(type(tmp_path), "iterdir", denying(type(tmp_path).iterdir))
    sink = sink_of(tmp_path, store_uri, "closed")
    lines: list[str] = []
    sink._on_left_out = lines.append
    sink.process_result(result)
    assert sorted(lines) == [
        "closed.log: it can't be read: Permission denied",
        "closed: it can't be read: Permission denied",
    ]
    runs = Runs(store_uri, "closed")
    (run,) = runs.results(runs.sessions[0]).values()
    assert runs.artifacts(run) == {"results.json", "stdouterr.log", "open.log"}


@pytest.mark.parametrize("status", [413, 403, 500])
def test_what_a_proxy_refuses_holds_up_nothing_else(
    project: Project, server: Server, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One log, and with 400 and 413 one metric: all else arrives, though some of these statuses ask for a retry."""

    def answer(method: str, path: str, body: bytes) -> int | None:
        is_log = method == "PUT" and path.endswith("/bad.log")
        return status if is_log or (status in {400, 413} and b'"rate__rows/s_"' in body) else None

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    be_patient(project)
    project.script("leave.py", SCRIPT.replace("print(", "(out / 'bad.log').write_text('x'); print("))
    experiment = f"gate-{status}"
    with serving(Gate(server.port, answer)) as gate:
        monkeypatch.setenv("GATE", gate.uri)
        project.config(
            f"""
            telemetry: {{interval_s: 0}}
            sinks: [{{name: mlflow, tracking_uri: '${{GATE}}', experiment: {experiment}}}]
            entries:
              - {{name: first, script: leave.py}}
              - {{name: second, script: ok.py}}
              - {{name: third, script: ok.py}}
            """
        )
        result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["sink mlflow: 3 delivered*", f"sink mlflow: left out of first: bad.log: *{status}*"])
    runs = Runs(server.uri, experiment)
    found = runs.results(runs.sessions[0])
    assert set(found) == {"first", "second", "third"}
    assert "bad.log" not in runs.artifacts(found["first"])
    assert "metrics.json" in runs.artifacts(found["first"])
    for text in (result.stdout.str(), *(f.read_text(errors="replace") for f in project.session_dir.rglob("*.json"))):
        assert "planted" not in text


def test_a_variable_that_is_the_beginning_of_paths(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no secret: all files and all metrics of a result arrive, and paths stay what they are."""
    be_patient(project)
    monkeypatch.setenv("RESULTS_ROOT", str(project.path))
    project.script("measure.py", SCRIPT)
    project.config(
        """
        results_dir: ${RESULTS_ROOT}/results
        sinks:
          - {name: mlflow, tracking_uri: 'sqlite:///${RESULTS_ROOT}/all.db'}
          - {name: jsonl, path: '${RESULTS_ROOT}/all.jsonl'}
        entries: [{name: a, script: measure.py}]
        """,
        head=False,
    )
    assert project.run().ret == 0
    assert project.result("a")["entry_dir"] == str(project.session_dir / "a")
    runs = Runs(f"sqlite:///{project.path}/all.db")
    (run,) = runs.results(runs.sessions[0]).values()
    assert {"stdouterr.log", "params.json", "metrics.json", "telemetry.csv"} <= runs.artifacts(run)
    assert runs.history(run, "system/machine_load")
    assert json.loads((project.path / "all.jsonl").read_text())["stdouterr_file"].startswith(str(project.path))


class Cut(Exception):  # noqa: N818  # no error, but the test's own doing
    """Ends a delivery where it stands."""


def test_cut_after_any_request(tmp_path: Path, store_uri: str) -> None:
    """However far a delivery came, the next one completes it, and makes nothing twice."""
    result = entry_of(tmp_path)
    sink = sink_of(tmp_path, store_uri, "cut")
    for requests in range(1, 100):
        left = requests

        def cut() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Cut

        sink._on_progress = cut
        try:
            sink.process_result(result)
            break
        except Cut:
            pass
    sink._on_progress = None
    sink.finalize()
    assert requests > 7
    runs = Runs(store_uri, "cut")
    (session,) = runs.sessions
    (run,) = runs.results(session).values()
    assert len(runs.runs) == 2
    assert run.data.tags[DONE_TAG] == "true"
    assert runs.history(run, "rate_per_sec") == [(0, 2.5, milliseconds(result["finished_at"]))]
    assert runs.artifacts(run) == {"results.json", "stdouterr.log"}


def test_files_of_a_later_go_are_not_taken(tmp_path: Path, store_uri: str) -> None:
    """A result that waited until its entry was run again brings itself alone."""
    entry_of(tmp_path, started_at="2026-01-24T00:00:00+00:00")
    sink = sink_of(tmp_path, store_uri, "later")
    sink.process_result(result_of(entry_dir=str(tmp_path / "s" / "a")))
    runs = Runs(store_uri, "later")
    (run,) = runs.results(runs.sessions[0]).values()
    assert runs.artifacts(run) == {"results.json"}


UGLY = ["a", "A", "a/b", "a(0)", "a[0]", "../a", "a//b", "", "..", "日本", "x" * 300, "'; DROP", "b: c"]


@pytest.mark.parametrize("kind", ["server", "sqlite", "file"])
def test_any_names_and_values(request: pytest.FixtureRequest, tmp_path: Path, store_uri: str, kind: str) -> None:
    """Whatever a script calls its metrics and parameters, each arrives, in stores of every kind."""
    where = {"server": "", "sqlite": store_uri, "file": "file:runs"}[kind] or request.getfixturevalue("server").uri
    values = [*range(len(UGLY)), "NaN", "Infinity", True]
    names = [*UGLY, "nan", "infinite", "flag"]
    many = {f"m{number}": number for number in range(1500)}
    metrics = {**dict(zip(names, values, strict=True)), **many}
    params = {name: name or "empty" for name in UGLY} | {f"p{number}": "ü" * 7000 for number in range(150)}
    sink = sink_of(tmp_path, where, "ugly")
    sink.process_result(result_of(script_metrics=metrics, script_params=params, session_name='it\'s "s"'))
    runs = Runs((tmp_path / "runs").as_uri() if kind == "file" else where, "ugly")
    (run,) = runs.results(runs.sessions[0]).values()
    found = run.data.metrics
    assert len(found) == len(metrics) + 2
    assert sorted(value for key, value in found.items() if key not in many and value < len(UGLY)) == sorted(
        [*range(len(UGLY)), 1, 1.5]
    )
    assert math.isnan(found["nan"])
    assert found["infinite"] > 1e308
    assert sorted(value for value in run.data.params.values() if len(value) < 6000) == sorted(
        name or "empty" for name in UGLY
    )


MAKE = """
import pathlib, sys
from pytest_curator_bench.sinks.mlflow.store import MlflowStore
uri, steps = sys.argv[1], int(sys.argv[2])
def stop():
    global steps
    steps -= 1
    if steps == 0:
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
store = MlflowStore(uri, pathlib.Path(sys.argv[3]), stop)
store.open()
print(store.experiment("x"))
"""


def make_store(directory: Path, steps: int = 0) -> subprocess.Popen[str]:
    """Make an SQLite store in a process, which is killed after so many steps."""
    arguments = [resolved_uri("sqlite:///mlflow.db", directory), str(steps), str(directory / "artifacts")]
    return subprocess.Popen([sys.executable, "-c", MAKE, *arguments], stdout=subprocess.PIPE, text=True)


def test_a_store_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """A process that is killed while it makes one leaves nothing in the way; of two that begin at once one makes it."""
    directory = tmp_path / "issue #3"  # what a URL would take for a fragment
    directory.mkdir()
    killed = make_store(directory, steps=30)
    killed.communicate(timeout=LIMIT_S)
    assert killed.returncode == -9
    assert list(directory.glob(".mlflow.db.*.new*"))
    assert not (directory / "mlflow.db").exists()
    both = [make_store(directory) for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, output) == (0, "1\n")
    assert [path.name for path in directory.iterdir()] == ["mlflow.db"]
    assert list(tmp_path.iterdir()) == [directory]


@pytest.mark.parametrize("content", ["half made", "garbage"])
def test_a_store_that_is_broken(tmp_path: Path, store_uri: str, content: str) -> None:
    """One sentence says so, and how to go on."""
    file = tmp_path / "mlflow.db"
    if content == "garbage":
        file.write_bytes(b"no database at all" * 1000)
    else:  # as MLflow 3.17 leaves it if it ends while it makes the store
        shutil.copy(store_uri.removeprefix("sqlite:///"), file)
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("DELETE FROM alembic_version")
            database.execute("DROP TABLE trace_tags")
            database.commit()
    with pytest.raises(PermanentSinkError, match=rf"store {file} can't be used: .*move it away") as caught:
        MlflowStore(f"sqlite:///{file}", tmp_path, lambda: None).open()
    assert "\n" not in str(caught.value)
    assert file.exists()


def test_jobs_that_begin_at_once_make_one_run(tmp_path: Path, server: Server) -> None:
    """Of one session, whose directory they share: they look, and make it, one after the other."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: sink_of(tmp_path, server.uri, "at-once"), range(8)))
    assert len(Runs(server.uri, "at-once").runs) == 1


def test_a_deleted_experiment(tmp_path: Path, store_uri: str) -> None:
    """The error says how to get it back; it helps nobody to try again."""
    sink_of(tmp_path, store_uri, "gone")
    client = Runs(store_uri).client
    experiment_id = client.get_experiment_by_name("gone").experiment_id
    client.delete_experiment(experiment_id)
    with pytest.raises(
        PermanentSinkError, match=rf"'gone' is deleted .*mlflow experiments restore -x {experiment_id}\)"
    ):
        sink_of(tmp_path, store_uri, "gone")
    client.restore_experiment(experiment_id)
    sink_of(tmp_path, store_uri, "gone")


def test_a_session_that_somebody_deleted(tmp_path: Path, store_uri: str) -> None:
    """Whoever comes next to the session makes it anew."""
    sink = sink_of(tmp_path, store_uri, "anew")
    runs = Runs(store_uri, "anew")
    runs.client.delete_run(runs.sessions[0].info.run_id)
    sink._session = None
    sink.process_result(result_of())
    runs = Runs(store_uri, "anew")
    assert len(runs.results(runs.sessions[0])) == 1


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_a_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    """It is told as what it is, after one request, so that it is tried again later."""
    monkeypatch.setattr(mlflow_store, "REQUEST_TIMEOUT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        if trouble == "refuses":
            listening.close()
        with pytest.raises(TransientSinkError, match=r"MLflow at 127.0.0.1: .*(refused|timed out)"):
            sink_of(tmp_path, f"http://127.0.0.1:{port}", "away")


def test_nothing_of_mlflow_stays_changed(store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs, retries and logs are the sink's own during its calls alone; scripts inherit no variable."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    before = [
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.default,
        MLFLOW_HTTP_REQUEST_TIMEOUT.default,
        logging.getLogger("mlflow").level,
    ]
    assert before[0] > 0
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY")  # set for the tests, which import MLflow in many ways
    store = MlflowStore(store_uri, tmp_path, lambda: None)
    store.open()
    with store._talking(), MlflowStore(store_uri, tmp_path, lambda: None)._talking():
        seen = [MLFLOW_HTTP_REQUEST_MAX_RETRIES.default, MLFLOW_HTTP_REQUEST_TIMEOUT.default]
    assert seen == [0, LIMIT_S]
    after = [
        MLFLOW_HTTP_REQUEST_MAX_RETRIES.default,
        MLFLOW_HTTP_REQUEST_TIMEOUT.default,
        logging.getLogger("mlflow").level,
    ]
    assert after == before
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ
