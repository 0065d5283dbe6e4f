# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""One entry through the core, without pytest: real scripts, real processes, real files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.config import load_config
from pytest_curator_bench.entry import execute, script_process
from pytest_curator_bench.entry.errors import EntryFailedError
from pytest_curator_bench.entry.execute import EntryExecution, run_entry
from pytest_curator_bench.entry.preflight import preflight
from pytest_curator_bench.entry.resources import acquire_lease
from pytest_curator_bench.entry.retries import archive_attempt
from pytest_curator_bench.entry.services import Policy, Services
from pytest_curator_bench.entry.states import Listener, State
from pytest_curator_bench.processes import client
from pytest_curator_bench.resources.errors import LeaseError
from pytest_curator_bench.session.errors import BusyEntryError
from pytest_curator_bench.session.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_curator_bench.config.model import Entry

SCRIPT = """
import json, pathlib, pickle, sys
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
counter = pathlib.Path(sys.argv[1])
count = int(counter.read_text()) + 1 if counter.exists() else 1
counter.write_text(str(count))
(out / "params.json").write_text("{}")
(out / "metrics.json").write_text(json.dumps({"count": count}))
(out / "tasks.pkl").write_bytes(pickle.dumps([]))
sys.exit(3 if count <= int(sys.argv[2]) else 0)
"""
# What a program of somebody's own needs to run one entry.
PROGRAM = """
import json, os, pathlib, sys
from pytest_curator_bench.clusters.errors import ClusterError
from pytest_curator_bench.config import load_config
from pytest_curator_bench.entry import execute
from pytest_curator_bench.entry.execute import run_entry
from pytest_curator_bench.entry.services import Services

config = load_config([pathlib.Path(sys.argv[1])], environ=os.environ)
with Services.opened(config) as services:
    result = run_entry(config.entries[0], services)
print(json.dumps([result.status, result.script_metrics, "pytest" in sys.modules, "_pytest" in sys.modules]))
"""


class Recorder(Listener):
    """Writes down what an execution reports."""

    def __init__(self) -> None:
        self.states: list[State] = []
        self.warnings: list[str] = []

    def entered(self, state: State) -> None:
        """Keep the state."""
        self.states.append(state)

    def warned(self, text: str) -> None:
        """Keep the warning."""
        self.warnings.append(text)


@pytest.fixture
def write_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a config with one entry, whose script fails the first ``failures`` times."""
    monkeypatch.setenv("CURATOR_BENCH_LEASES_DIR", str(tmp_path / "leases"))
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "count.py").write_text(SCRIPT)

    def write(keys: str = "", failures: int = 0) -> Path:
        file = tmp_path / "a.bench.yaml"
        args = f"['{tmp_path / 'counter'}', '{failures}']"
        file.write_text(
            f"results_dir: results\nentries:\n  - {{name: a, script: count.py, args: {args}, timeout_s: 60{keys}}}\n"
        )
        return file

    return write


@pytest.fixture
def opened(write_config: Callable[..., Path]) -> Iterator[Callable[..., tuple[Entry, Services]]]:
    """Open a session for that entry."""
    sessions = []

    def open_(keys: str = "", failures: int = 0, policy: Policy | None = None) -> tuple[Entry, Services]:
        config = load_config([write_config(keys, failures)], environ=os.environ)
        session = Services.opened(config, policy=policy)
        services = session.__enter__()
        sessions.append(session)
        return config.entries[0], services

    yield open_
    for session in sessions:
        session.__exit__(None, None, None)


def test_an_entry_runs_without_pytest(write_config: Callable[..., Path], tmp_path: Path) -> None:
    """A program of a few lines runs an entry to its result, and pytest is never imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(write_config())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["passed", {"count": 1}, False, False]
    (session_dir,) = (tmp_path / "results").glob("session__*")
    assert json.loads((session_dir / "a" / "results.json").read_text())["status"] == "passed"


def test_the_states_of_an_entry(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """An execution goes through its states in their order, and undoes them in reverse."""
    entry, services = opened()
    recorder = Recorder()
    execution = EntryExecution(entry, services, listener=recorder)
    assert preflight(entry, services) is None
    execution.enter(State.SCRATCH)
    assert execution.state is State.SCRATCH
    assert execution.scratch_dir.is_dir()
    assert execution.run().status == "passed"
    execution.leave(State.LEASED)
    assert execution.scratch_dir.is_dir()
    execution.close()
    assert not execution.scratch_dir.exists()
    assert recorder.states == [
        State.DIRECTORY,
        State.SCRATCH,
        State.LEASED,
        State.MACHINE_CHECKED,
        State.CLUSTER_UP,
        State.RUNNING,
        State.CLUSTER_UP,
        State.JUDGED,
        State.CLOSED,
    ]
    assert execution.final_result.resources["lease"]["released_at"]


def test_the_result_is_written_twice(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once early, while the lease is held, and once finally, with the lease's end."""
    entry, services = opened()
    written: list[Any] = []
    write = services.session.entries.write_result

    def record(result: Any, *, durable: bool = True) -> Path:
        written.append(result.resources["lease"]["released_at"])
        return write(result, durable=durable)

    monkeypatch.setattr(services.session.entries, "write_result", record)
    run_entry(entry, services)
    assert len(written) == 2
    assert written[0] is None
    assert written[1] is not None


def test_an_entry_after_a_supervisor_that_does_not_answer(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs under a new one; an earlier script may have stopped the old one."""
    entry, services = opened()
    former = services.supervisor
    os.kill(former._program.pid, signal.SIGSTOP)
    with monkeypatch.context() as impatient:
        impatient.setattr(client, "_ANSWER_TIMEOUT_S", 0.5)
        assert services.supervisor is not former
    assert run_entry(entry, services).status == "passed"


def test_a_retry_is_a_loop(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """Attempts that fail are archived and reported; the last one is the result."""
    entry, services = opened(", retries: 2, retry_on: [failed]", failures=1)
    execution = EntryExecution(entry, services)
    result = execution.run()
    execution.close()
    assert (result.status, result.script_metrics) == ("passed", {"count": 2})
    assert [record["status"] for record in execution.outcome.attempts] == ["failed"]
    assert (execution.entry_dir / "attempt-1" / "results.json").exists()


def test_requirements_are_judged(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """The verdict is the core's, not pytest's."""
    entry, services = opened(", requirements: [{metric: count, min_value: 2}]")
    result = run_entry(entry, services)
    assert (result.status, result.reason) == ("failed", "requirements")


def test_a_shortage_of_resources(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """An entry that asks for what the machine does not have is skipped, or fails where resources are required."""
    entry, services = opened(", ray: {num_gpus: 99}")
    assert run_entry(entry, services).status == "skipped"
    entry, services = opened(", ray: {num_gpus: 99}", policy=Policy(require_resources=True))
    result = run_entry(entry, services)
    assert (result.status, result.reason) == ("error", "resources")


def test_the_session_is_closed(write_config: Callable[..., Path], tmp_path: Path) -> None:
    """What ran without pytest is in session.json, with its end."""
    config = load_config([write_config(failures=1)], environ=os.environ)
    with Services.opened(config, session_name="mine") as services:
        run_entry(config.entries[0], services)
    (file,) = (tmp_path / "results").glob("mine__*/session.json")
    session = json.loads(file.read_text())
    assert (session["status"], session["entries"], session["counts"]) == ("finished", ["a"], {"failed": 1})
    assert session["exit_status"] == 1


def test_a_session_with_a_skipped_entry(write_config: Callable[..., Path], tmp_path: Path) -> None:
    """It ends as with pytest: with exit status 0."""
    config = load_config([write_config(", marks: [skip]")], environ=os.environ)
    with Services.opened(config, session_name="mine") as services:
        run_entry(config.entries[0], services)
    (file,) = (tmp_path / "results").glob("mine__*/session.json")
    assert json.loads(file.read_text())["exit_status"] == 0


def test_a_skip_mark(opened: Callable[..., tuple[Entry, Services]], tmp_path: Path) -> None:
    """Such an entry runs nothing, without pytest, too."""
    entry, services = opened(", marks: [{skip: {reason: later}}]")
    result = run_entry(entry, services)
    assert (result.status, result.error) == ("skipped", "later")
    assert not (tmp_path / "counter").exists()


def test_a_clean_up_that_fails_among_turns(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is built on what could not be cleaned up: the entry is an error, and has no further turn."""
    entry, services = opened(", repeat: 2")
    execution = EntryExecution(entry, services)
    assert not execution.advance(one_run=True)
    monkeypatch.setattr(services.session.scratch, "remove", failing(ClusterError("left over")))
    with pytest.raises(ClusterError):
        execution.leave(State.SCRATCH)
    assert execution.run().status == "error"
    execution.close()
    assert execution.final_result.error == "left over"


def test_a_failure_stays_what_it_was(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What breaks afterwards is a further line of the error, once."""
    entry, services = opened(failures=1)
    execution = EntryExecution(entry, services)
    assert execution.run().reason == "exit-code"
    error = ClusterError("left over")
    monkeypatch.setattr(services.session.scratch, "remove", failing(error))
    with pytest.raises(ClusterError):
        execution.leave(State.SCRATCH)
    execution.outcome.fail(ExceptionGroup("of two fixtures", [error, LeaseError("and this")]))
    execution.close()
    result = execution.final_result
    assert (result.status, result.reason) == ("failed", "exit-code")
    assert (result.error or "").splitlines()[1:] == ["left over", "and this"]


def test_a_full_disk_is_not_blamed_on_the_script(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other errors of an entry's directories are: a script can do anything to them."""
    entry, services = opened()
    error = OSError(errno.ENOSPC, "No space left on device", "/d")
    monkeypatch.setattr(services.session.scratch, "prepare", failing(error))
    assert EntryExecution(entry, services).run().error == "No space left on device: /d: free some space there"


def test_an_error_that_nobody_expects(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, and the entry has a result all the same, on the disk."""
    entry, services = opened()
    monkeypatch.setattr(execute, "acquire_lease", failing(ZeroDivisionError("of ours")))
    with pytest.raises(ZeroDivisionError):
        run_entry(entry, services)
    data = json.loads((services.session.entries.path("a") / "results.json").read_text())
    assert (data["status"], data["reason"], data["error"]) == ("error", "internal", "ZeroDivisionError: of ours")


def test_warnings_of_all_turns(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """A warning between two runs is in the result at last."""
    entry, services = opened(", repeat: 2")
    recorder = Recorder()
    execution = EntryExecution(entry, services, listener=recorder)
    execution.advance(one_run=True)
    execution.warn("between")
    execution.run()
    execution.close()
    assert execution.final_result.warnings.count("between") == 1
    assert recorder.warnings == ["between"]


def failing(error: Exception) -> Callable[..., Any]:
    """A function that raises."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def interrupting(function: Callable[..., Any], call: int) -> Callable[..., Any]:
    """A function that is interrupted before it does anything when it is called for the ``call``th time."""
    calls = []

    def interrupt(*args: object, **kwargs: object) -> Any:
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return function(*args, **kwargs)

    return interrupt


@pytest.mark.parametrize("step", ["read_outputs", "keep_task_records", "_judge"])
@pytest.mark.parametrize("keys", ["", ", repeat: 2, warmup: 1"], ids=["one run", "several"])
def test_an_interrupt_after_the_scripts_end(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch, step: str, keys: str
) -> None:
    """What has ended is judged and written: the whole result, or those of the runs before."""
    entry, services = opened(keys)
    monkeypatch.setattr(script_process, step, interrupting(getattr(script_process, step), 2 if keys else 1))
    with pytest.raises(KeyboardInterrupt):
        run_entry(entry, services)
    data = json.loads((services.session.entries.path("a") / "results.json").read_text())
    if keys:
        assert (data["status"], data["reason"]) == ("interrupted", "keyboard")
        assert data["error"] == "Run 1 of 2 was the last: Interrupted from the keyboard."
        assert [run["status"] for run in data["runs"]] == ["passed", "passed"]
    else:
        assert data["status"] == "passed"
    assert data["script_metrics"] == {"count": 2 if keys else 1}


def test_an_interrupt_while_an_attempt_waits(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The attempt before is in the result, and no script begins."""
    entry, services = opened(", retries: 2, retry_on: [failed]", failures=2)
    monkeypatch.setattr(execute, "acquire_lease", interrupting(acquire_lease, 2))
    with pytest.raises(KeyboardInterrupt):
        run_entry(entry, services)
    data = json.loads((services.session.entries.path("a") / "results.json").read_text())
    assert (data["status"], data["reason"]) == ("interrupted", "keyboard")
    assert [attempt["status"] for attempt in data["attempts"]] == ["failed", "interrupted"]
    assert (tmp_path / "counter").read_text() == "1"


def test_an_interrupt_between_attempts(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where the clean-up after the first one is interrupted: it goes on to its end."""
    entry, services = opened(", retries: 2, retry_on: [failed]", failures=2)
    monkeypatch.setattr(execute, "archive_attempt", interrupting(archive_attempt, 1))
    with pytest.raises(KeyboardInterrupt):
        run_entry(entry, services)
    data = json.loads((services.session.entries.path("a") / "results.json").read_text())
    assert [attempt["status"] for attempt in data["attempts"]] == ["failed", "interrupted"]
    assert (services.session.entries.path("a") / "attempt-1" / "results.json").exists()


def test_an_interrupt_between_rounds(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same where pytest's hooks begin the attempt: all files of the one before are in one place."""
    entry, services = opened(", retries: 2, retry_on: [failed]", failures=2)
    execution = EntryExecution(entry, services)
    assert not execution.advance()
    monkeypatch.setattr(execute, "archive_attempt", interrupting(archive_attempt, 1))
    execution.begin_attempt()
    assert (execution.entry_dir / "attempt-1" / "results.json").exists()
    with pytest.raises(EntryFailedError, match="before the script began"):
        execution.advance()
    execution.close()


def test_another_run_takes_the_entry_between_attempts(
    opened: Callable[..., tuple[Entry, Services]], tmp_path: Path
) -> None:
    """The next attempt does not run in the other run's directory."""
    entry, services = opened(", retries: 1, retry_on: [failed]", failures=2)
    execution = EntryExecution(entry, services)
    assert not execution.advance()
    other = SessionStore.create(tmp_path / "results", tmp_path / "results", exact=services.session.session_name)
    entry_dir = other.entries.prepare("a")
    result = execution.run()
    execution.close()
    assert (result.status, result.reason) == ("error", "busy")
    assert (tmp_path / "counter").read_text() == "1"
    assert [path.name for path in entry_dir.iterdir()] == [".run.json"]


def test_an_interrupt_between_turns(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """An entry whose turn never comes again has the result of its runs so far."""
    entry, services = opened(", repeat: 3")
    execution = EntryExecution(entry, services)
    assert not execution.advance(one_run=True)
    execution.leave(State.SCRATCH)
    services.close()
    result = execution.final_result
    assert (result.status, result.reason, result.script_metrics) == ("interrupted", "no-result", {"count": 1})
    assert result.error == "Run 1 of 3 was the last: The run ended before the entry did: run it again."
    assert (services.session.entries.path("a") / "results.json").exists()


def test_an_entry_that_another_run_is_at_work_on(
    opened: Callable[..., tuple[Entry, Services]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its retries are for failures of its own: the next attempt would find it just as busy."""
    entry, services = opened(", retries: 2")
    monkeypatch.setattr(services.session.entries, "prepare", failing(BusyEntryError("is being run")))
    execution = EntryExecution(entry, services)
    assert execution.run().reason == "busy"
    assert execution.outcome.attempts == []


def test_a_missing_script(opened: Callable[..., tuple[Entry, Services]], tmp_path: Path) -> None:
    """What is missing is found before anything of the entry is made."""
    entry, services = opened()
    (tmp_path / "scripts" / "count.py").unlink()
    result = run_entry(entry, services)
    assert (result.status, result.reason) == ("error", "script")
    assert "count.py not found; looked for" in (result.error or "")


def test_runs_in_turns(opened: Callable[..., tuple[Entry, Services]]) -> None:
    """Between the runs of an entry everything but its directory can be released."""
    entry, services = opened(", repeat: 3")
    execution = EntryExecution(entry, services)
    for left in (3, 2):
        assert execution.runs_left == left
        assert not execution.advance(one_run=True)
        execution.leave(State.SCRATCH)
        assert execution.state is State.DIRECTORY
    assert execution.advance(one_run=True)
    execution.close()
    assert execution.final_result.script_metrics == {"count": 2}
    assert len(execution.final_result.runs) == 3


def test_a_finished_entry_does_nothing_more(opened: Callable[..., tuple[Entry, Services]], tmp_path: Path) -> None:
    """What failed before it was ready runs nothing later, and says why to whoever asks for more."""
    entry, services = opened(", ray: {address: '127.0.0.1:1'}")
    execution = EntryExecution(entry, services)
    assert execution.run().reason == "ray"
    assert execution.is_finished
    with pytest.raises(EntryFailedError):
        execution.enter(State.CLUSTER_UP)
    execution.close()
    assert not (tmp_path / "counter").exists()
