# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Chaos: signals to random processes of a run while its disk fills up, and what must hold afterwards.

A round runs pytest on some entries, strikes, and then checks every promise of docs/reliability.md that can be checked from
outside. CI runs a few rounds that are written down here. The long form draws each round from a seed; a failure names it::

    CURATOR_BENCH_CHAOS_SEED=7 CURATOR_BENCH_CHAOS_ROUNDS=100 nice pytest tests/plugin/test_chaos.py
    CURATOR_BENCH_CHAOS_SEED=7 pytest tests/plugin/test_chaos.py -rP -k 'round and 7-42]'
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import psutil
import pytest

from pytest_curator_bench.delivery.results import session_results
from pytest_curator_bench.resources.capacity import read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry, ResourceRequest
from pytest_curator_bench.results.json_schema import FILES, results_schema
from pytest_curator_bench.sinks.base import delivery_key
from tests.support.bench_project import pytest_command
from tests.support.processes import marked
from tests.support.webhook_receiver import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.bench_project import Project
    from tests.support.webhook_receiver import Receiver

SEED = os.environ.get("CURATOR_BENCH_CHAOS_SEED")
ROUNDS = int(os.environ.get("CURATOR_BENCH_CHAOS_ROUNDS", "100"))
SESSION = "chaos"
# Far longer than any end takes, and short enough that a hanging round is reported within the test's own limit.
PATIENCE_S = 90.0
FULL_DISK_BYTES = 3 << 20

# Writes its files as a whole, and last of all a file outside of the results directory: "finished", with its metric.
# A lock tells whether it ran beside an entry that should have had the machine to itself.
SCRIPT = """
import fcntl, json, os, pathlib, sys, time
name, kind, sleep_s, root = sys.argv[1], sys.argv[2], float(sys.argv[3]), pathlib.Path(sys.argv[4])
out = pathlib.Path(sys.argv[sys.argv.index("--benchmark-results-path") + 1])
me = f"{name}.{os.getpid()}"
machine = open(root / "machine", "w")
try:
    fcntl.flock(machine, (fcntl.LOCK_SH if kind == "beside" else fcntl.LOCK_EX) | fcntl.LOCK_NB)
except BlockingIOError:
    (root / "overlaps" / me).touch()
def write(path, data):
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.replace(path)
(root / "started" / me).touch()
if kind == "daemon" and os.fork() == 0:
    os.setsid()
    time.sleep(300)
time.sleep(sleep_s)
metric = time.monotonic_ns()
if kind == "flaky" and not (root / "tried" / name).exists():
    (root / "tried" / name).touch()
    sys.exit(3)
if kind == "failing" and "CHAOS_FOLLOWS" not in os.environ:
    sys.exit(4)
write(out / "params.json", json.dumps({**json.loads((out / "params.json").read_text()), "kind": kind}).encode())
write(out / "metrics.json", json.dumps({"metric": metric}).encode())
write(out / "tasks.pkl", b"\\x80\\x04].")
write(root / "finished" / me, str(metric).encode())
os._exit(0)
"""
ENTRY_KEYS = {"beside": "exclusive: false", "repeated": "repeat: 2", "flaky": "retries: 1, retry_on: [failed]"}

ROLES = ["controller"] * 3 + ["terminal"] * 2 + ["worker", "supervisor", "keeper", "script"] * 2
SIGNALS = [[name] for name in ("SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGSTOP")] * 2
SIGNALS += [["SIGINT", "SIGINT"], ["SIGINT", "SIGTERM"], ["SIGTERM", "SIGTERM"], ["SIGTERM", "SIGKILL"]]
# What the receiver of webhooks does first, instead of taking a result in.
FAULTS: list[tuple[Any, ...]] = [("take",), ("reset",), ("take and reset",), ("garbage",)]
FAULTS += [(503,), (429, ("Retry-After", "0")), (400,)]


@dataclass(frozen=True)
class Entry:
    """An entry of a round; ``kind`` is what its script does."""

    name: str
    kind: str
    sleep_s: float


@dataclass(frozen=True)
class Strike:
    """Signals to one process of the run, or to two at once, ``delay_s`` after something has happened ``count`` times."""

    after: str
    count: int
    delay_s: float
    roles: tuple[str, ...]
    signals: tuple[str, ...]
    pause_s: float = 0


@dataclass(frozen=True)
class Filling:
    """The disk is full for some time, but for ``room`` bytes."""

    after: str
    count: int
    delay_s: float
    room: int
    duration_s: float


@dataclass(frozen=True)
class Plan:
    """All that is decided about a round before it begins."""

    workers: int
    entries: tuple[Entry, ...]
    strikes: tuple[Strike, ...] = ()
    fillings: tuple[Filling, ...] = ()
    faults: tuple[tuple[Any, ...], ...] = ()
    in_background: bool = False
    replay_first: bool = False

    @classmethod
    def drawn(cls, seed: str) -> Plan:
        """Draw a round; the same seed always gives the same."""
        dice = random.Random(seed)  # noqa: S311 - nothing secret
        kinds = ["plain"] * 2 + dice.sample(["beside", "beside", "repeated", "flaky", "daemon", "failing"], 3)
        dice.shuffle(kinds)
        entries = tuple(
            Entry(f"{kind}{number}", kind, round(dice.choice([0, 0.1, 0.4]), 2)) for number, kind in enumerate(kinds)
        )

        def moment() -> tuple[str, int, float]:
            after = dice.choice(["begin", "session", "started", "started", "finished", "results", "results"])
            count = dice.randint(1, len(entries)) if after in {"started", "finished", "results"} else 1
            return after, count, round(dice.uniform(0, 1 if after == "begin" else 0.3) * dice.randint(0, 1), 3)

        strikes = tuple(
            Strike(
                *moment(),
                roles=tuple(dice.choices(ROLES, k=dice.choice([1, 1, 1, 2]))),
                signals=tuple(dice.choice(SIGNALS)),
                pause_s=dice.choice([0, 0.01, 0.05, 0.3]),
            )
            for _ in range(dice.choice([0, 1, 1, 1, 2, 3]))
        )
        fillings = tuple(
            Filling(*moment(), room=dice.choice([0, 0, 4096, 20000]), duration_s=round(dice.uniform(0.05, 1.5), 2))
            for _ in range(dice.choice([0, 0, 1, 2]) if strikes else 1)
        )
        return cls(
            workers=dice.choice([0, 2]),
            entries=entries,
            strikes=strikes,
            fillings=fillings,
            faults=tuple(dice.choices(FAULTS, k=dice.choice([0, 1, 4]))),
            in_background=dice.random() < 0.2,
            replay_first=dice.random() < 0.5,
        )


def entries(*kinds: str, sleep_s: float = 0) -> tuple[Entry, ...]:
    """Return entries of these kinds."""
    return tuple(Entry(f"{kind}{number}", kind, sleep_s) for number, kind in enumerate(kinds))


SHORT = {
    "pytest killed": Plan(
        workers=2,
        entries=entries("plain", "beside", "daemon", "plain"),
        strikes=(Strike("started", 3, 0, ("controller",), ("SIGKILL",)),),
        faults=(("take and reset",),),
    ),
    "keeper and worker killed": Plan(
        workers=2,
        entries=entries("plain", "beside", "repeated", "failing", "plain", sleep_s=0.2),
        strikes=(
            Strike("started", 1, 0, ("keeper",), ("SIGKILL",)),
            Strike("started", 2, 0, ("supervisor",), ("SIGSTOP",)),
            Strike("started", 3, 0, ("worker",), ("SIGKILL",)),
        ),
    ),
    "full disk": Plan(
        workers=0,
        entries=entries("plain", "flaky", "plain", "repeated", sleep_s=0.1),
        fillings=(Filling("started", 1, 0, room=0, duration_s=0.5),),
        replay_first=True,
    ),
}


def kind_of(name: str) -> str:
    """Return the kind of an entry."""
    return name.rstrip("0123456789")


def read_json(file: Path) -> dict[str, Any]:
    """Return the content of a file of the plugin's."""
    data: dict[str, Any] = json.loads(file.read_bytes())
    return data


class SmallDisk:
    """A file system of a few megabytes in a mount namespace of its own, which only a holder and runs are in.

    Attributes:
        is_mounted: false where this system lets us mount nothing.
        enter: what precedes a command that is to see it.
        path: where it is, for such a command.
        seen_at: where it is for everybody else.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir()
        as_root = os.geteuid() == 0
        script = f'mount -t tmpfs -o size={FULL_DISK_BYTES} none "$0" && echo mounted && exec sleep infinity'
        unshare = ["unshare", "--mount", *([] if as_root else ["--map-root-user"])]
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", script, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        assert self._holder.stdout is not None
        self.is_mounted = self._holder.stdout.readline() == b"mounted\n"
        pid = self._holder.pid
        namespaces = ["--mount", *([] if as_root else ["--user", "--preserve-credentials"])]
        # A mount namespace is entered at its root.
        enter = ["nsenter", f"--target={pid}", *namespaces, "--", "env", f"--chdir={path.parent}"]
        self.enter = enter if self.is_mounted else []
        self.path = path
        self.seen_at = Path(f"/proc/{pid}/root{path}") if self.is_mounted else path
        self._ballast = self.seen_at / "ballast"

    def fill(self, room: int) -> None:
        """Take all that is free but ``room`` bytes."""
        stat = os.statvfs(self.seen_at)
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            file.write(bytes(max(stat.f_bavail * stat.f_frsize - room, 0)))

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        self._holder.kill()
        self._holder.communicate()


@dataclass
class Round:
    """One round: the run, what was done to it, and what is wrong afterwards."""

    project: Project
    receiver: Receiver
    mark: str
    plan: Plan
    disk: SmallDisk
    log: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    struck: list[tuple[str, str]] = field(default_factory=list)
    ended_before: set[str] = field(default_factory=set)
    seen_passed: set[tuple[str, int]] = field(default_factory=set)
    stopped: list[psutil.Process] = field(default_factory=list)
    timed: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.project.path
        self.session_dir = self.disk.seen_at / "results" / SESSION
        self.leases_dir = self.disk.seen_at / "leases"
        self.begun = time.monotonic()
        for name in ("started", "finished", "tried", "overlaps"):
            (self.root / name).mkdir()
        self.project.script("chaos.py", SCRIPT)
        lines = [
            f"results_dir: {self.disk.path}/results",
            "cleanup_timeout_s: 1",
            "sinks:",
            "  - {name: jsonl}",
            "  - {name: csv, deliver: during}",
            f"  - {{name: webhook, deliver: during, url: '{self.receiver.url}', secret: {SECRET}}}",
            "entries:",
        ]
        for entry in self.plan.entries:
            args = f"{entry.name} {entry.kind} {entry.sleep_s} {self.root}"
            keys = ENTRY_KEYS.get(entry.kind, "timeout_s: 60")
            lines.append(f"  - {{name: {entry.name}, script: chaos.py, args: {args}, {keys}}}")
        self.project.config("\n".join(lines), head=False)
        self.receiver.faults = list(self.plan.faults)

    # --- what happens ---

    def note(self, text: str) -> None:
        """Put a line into the record of the round."""
        self.log.append(f"{time.monotonic() - self.begun:7.3f} s  {text}")

    def violated(self, text: str) -> None:
        """Note a promise that does not hold."""
        self.note(f"VIOLATED: {text}")
        self.violations.append(text)

    def command(self, *args: str) -> list[str]:
        """Pytest as a command, with the disk in sight."""
        ignoring = ["env", "--ignore-signal=INT"] if self.plan.in_background else []
        return [*self.disk.enter, *ignoring, *pytest_command("--bench-session", SESSION, "-n", *args)]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of all runs."""
        return {**os.environ, "CURATOR_BENCH_LEASES_DIR": str(self.disk.path / "leases"), **more}

    def run(self) -> int | None:
        """Run pytest, strike, and wait for its end; return its exit status."""
        with (self.root / "output").open("w") as output:
            self.controller = subprocess.Popen(
                self.command(str(self.plan.workers)),
                cwd=self.root,
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.note(f"pytest is {self.controller.pid}")
        due: list[Strike | Filling] = [*self.plan.strikes, *self.plan.fillings]
        while self.controller.poll() is None or self.stopped:
            now = time.monotonic()
            if now > self.begun + PATIENCE_S:
                self.violated(f"pytest did not end: {self.left()}")
                self.controller.kill()
                break
            for event in [event for event in due if self.has_happened(event)]:
                due.remove(event)
                self.timed.append((now + event.delay_s, functools.partial(self.carry_out, event)))
            for entry in [entry for entry in self.timed if entry[0] <= now]:
                self.timed.remove(entry)
                entry[1]()
            self.observe()
            time.sleep(0.01)
        status = self.controller.wait()
        self.note(f"pytest ended with exit status {status}")
        self.disk.free()
        return status

    def has_happened(self, event: Strike | Filling) -> bool:
        """Whether what an event waits for has come."""
        after, count = event.after, event.count
        if after == "begin":
            return True
        if after == "session":
            return (self.session_dir / "session.json").exists()
        if after == "results":
            return len(list(self.session_dir.glob("*/results.json"))) >= count
        return len(list((self.root / after).iterdir())) >= count

    def carry_out(self, event: Strike | Filling) -> None:
        """Do what is due."""
        if isinstance(event, Strike):
            self.strike(event)
        else:
            self.fill(event)

    def strike(self, strike: Strike) -> None:
        """Send the signals of a strike."""
        self.ended_before |= self.ended() if not self.struck else set()
        targets: list[tuple[str, psutil.Process]] = []
        for role in strike.roles:
            taken = [process for _, process in targets]
            targets += [(role, process) for process in self.processes(role) if process not in taken][:1]
        for number, name in enumerate(strike.signals):
            time.sleep(strike.pause_s if number else 0)
            for role, process in targets:
                self.note(f"{name} to {role} {process.pid} ({strike.after} {strike.count} + {strike.delay_s} s)")
                self.struck.append((role, name))
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    if role == "terminal":
                        os.killpg(process.pid, signal.Signals[name])
                    else:
                        process.send_signal(signal.Signals[name])
                    if name == "SIGSTOP":
                        self.stopped.append(process)
                        self.timed.append((time.monotonic() + 0.2 + strike.pause_s, self.go_on))

    def go_on(self) -> None:
        """Let all go on that was stopped."""
        for process in self.stopped:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if process.pid == self.controller.pid:
                    os.killpg(process.pid, signal.SIGCONT)
                process.send_signal(signal.SIGCONT)
        self.stopped.clear()

    def fill(self, filling: Filling) -> None:
        """Fill the disk, and keep it full for the time of a filling."""
        self.note(f"disk full but for {filling.room} bytes, for {filling.duration_s} s")
        end = time.monotonic() + filling.duration_s

        def again() -> None:
            if time.monotonic() < end and self.controller.poll() is None:
                self.disk.fill(filling.room)
                self.timed.append((0.0, again))
            else:
                self.note("disk freed")
                self.disk.free()

        again()

    def processes(self, role: str) -> list[psutil.Process]:
        """Living processes of the run that have a role, in the order of their start."""
        if role in {"controller", "terminal"} or (role == "worker" and not self.plan.workers):
            return [psutil.Process(self.controller.pid)] if self.controller.poll() is None else []
        found = []
        for process, words in marked(self.mark).items():
            with contextlib.suppress(psutil.Error):
                is_role = {
                    "supervisor": process.name() == "bench-supervise",
                    "keeper": process.name() == "bench-keeper",
                    "script": any(word.endswith("chaos.py") for word in words),
                    "worker": process.ppid() == self.controller.pid and "-c" in words,
                }[role]
                if is_role:
                    found.append(process)
        return sorted(found, key=lambda process: (process.create_time(), process.pid))

    def left(self) -> list[str]:
        """What still runs."""
        return [f"{process.pid} {' '.join(words)[-120:]}" for process, words in marked(self.mark).items()]

    def ended(self) -> set[str]:
        """Names of the entries of one run whose script has finished, and is gone: nothing can change its exit status."""
        names = set()
        for path in (self.root / "finished").iterdir():
            name, pid = path.name.split(".")[:2]
            single = kind_of(name) in {"plain", "beside", "daemon"}
            if path.suffix != ".new" and single and self.is_gone(int(pid)):
                names.add(name)
        return names

    def is_gone(self, pid: int) -> bool:
        """Whether a process has ended, collected or not."""
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            return True

    def observe(self) -> None:
        """Note which results say that their entry has passed."""
        for file in self.session_dir.glob("*/results.json"):
            with contextlib.suppress(OSError):
                result = json.loads(file.read_bytes())
                if result["status"] == "passed":
                    self.seen_passed.add((result["name"], result["script_metrics"]["metric"]))

    # --- what must hold ---

    def check(self, *checks: Callable[[], None]) -> None:
        """Look for broken promises; a check that can't be made is one as well."""
        for check in checks:
            try:
                check()
            except Exception:
                self.violated(traceback.format_exc())

    def nothing_is_left(self) -> None:
        """All processes of the run end soon after it."""
        end = time.monotonic() + PATIENCE_S
        while left := self.left():
            if time.monotonic() > end:
                self.violated(f"processes are left: {left}")
                return
            time.sleep(0.02)

    def files_are_whole(self) -> None:
        """Every JSON file can be read, and those of the plugin have their schema."""
        schema = results_schema()
        validators = {
            name: jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": f"#/$defs/{name}"}]}) for name in FILES
        }
        for top in (self.session_dir, self.leases_dir):
            for file in sorted(top.rglob("*.json")):
                try:
                    data = json.loads(file.read_bytes())
                    if file.name in validators:
                        validators[file.name].validate(data)
                except (ValueError, jsonschema.ValidationError) as error:
                    text = str(error).partition("\n")[0]
                    self.violated(f"{file.relative_to(self.disk.seen_at)}: {text}, {file.read_bytes()[:200]!r}")

    def results(self) -> list[dict[str, Any]]:
        """All results on the disk, superseded ones too."""
        if not self.session_dir.is_dir():
            return []
        results, problems = session_results(self.session_dir)
        for problem in problems:
            self.violated(problem)
        return [dict(result) for result in results]

    def results_are_true(self) -> None:
        """What has passed has finished with that metric, and what was seen as passed has stayed."""
        results = self.results()
        passed = {(result["name"], result["script_metrics"]["metric"]) for result in results if result["success"]}
        markers = [path for path in (self.root / "finished").iterdir() if path.suffix != ".new"]
        metrics = {int(path.read_text()) for path in markers}
        times = Counter(path.name.split(".")[0] for path in markers)
        for name, metric in sorted(passed):
            is_repeated = kind_of(name) == "repeated"
            if times[name] < (2 if is_repeated else 1) or (metric not in metrics and not is_repeated):
                self.violated(f"{name} has passed with the metric {metric}, which its script has not finished with")
        # Where the disk is full at its last writing, a result becomes an error, which keeps what was measured.
        kept = {(result["name"], result["script_metrics"].get("metric")) for result in results}
        for name, metric in sorted(self.seen_passed - (kept if self.plan.fillings else passed)):
            self.violated(f"{name} was seen as passed with {metric}, and its result is gone")

    def exit_status_is_true(self, status: int | None) -> None:
        """Zero means that all entries have passed, for whoever waits for pytest, and for readers of the session."""
        statuses = self.statuses()
        recorded = {
            path.parent.name: read_json(path)["exit_status"] for path in self.session_dir.glob("runs/*/run.json")
        }
        for who, number in {"pytest": status, **recorded}.items():
            if number == 0 and set(statuses.values()) != {"passed"}:
                self.violated(f"{who} has exit status 0 with {statuses}")

    def what_had_ended_is_judged(self) -> None:
        """An interrupt costs no result of a script that had ended before it."""
        if self.plan.fillings or len(self.struck) != 1:
            return
        ((role, name),) = self.struck
        if role in {"controller", "terminal"} and name in {"SIGINT", "SIGTERM"}:
            for entry, status in self.statuses().items():
                if entry in self.ended_before and status != "passed":
                    self.violated(f"{entry} had ended before the interrupt, and is {status}")

    def entries_were_alone(self) -> None:
        """No entry ran beside one that had the machine to itself."""
        for path in (self.root / "overlaps").iterdir():
            self.violated(f"{path.name} ran beside an entry that had the machine to itself")

    def leases_are_free(self) -> None:
        """The whole machine can be leased at once."""
        environ = {"CURATOR_BENCH_LEASES_DIR": str(self.leases_dir)}
        with contextlib.closing(LeaseRegistry(read_capacity(os.environ), environ)) as registry:
            if registry.try_acquire(ResourceRequest(cpus=None, gpus=None, alone=True), "chaos") is None:
                self.violated(f"a lease is held: {(self.leases_dir / 'state.json').read_text()}")

    def statuses(self) -> dict[str, str]:
        """The status of each entry, as its directory has it."""
        files = {entry.name: self.session_dir / entry.name / "results.json" for entry in self.plan.entries}
        return {name: read_json(file)["status"] if file.exists() else "none" for name, file in files.items()}

    def call(self, what: str, *command: str) -> None:
        """Run a command that must end with exit status 0."""
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=self.environment(CHAOS_FOLLOWS="1"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            self.violated(f"{what} did not end: {self.left()}\n{str(error.output)[-2000:]}")
            return
        self.note(f"{what}: exit status {done.returncode}")
        if done.returncode != 0:
            self.violated(f"{what}: exit status {done.returncode}\n{done.stdout[-3000:]}")

    def follow(self) -> None:
        """Another run of the session completes, and leaves it in order."""
        self.call("the next run", *self.command("0"))
        statuses = self.statuses()
        session = read_json(self.session_dir / "session.json")
        if session["counts"] != Counter(statuses.values()) or session["status"] == "running":
            self.violated(f"session.json has {session['status']}, {session['counts']} for {statuses}")

    def replay(self) -> None:
        """A replay brings every result on the disk to every sink, and none twice."""
        if not (self.session_dir / "runs").is_dir():
            return
        self.receiver.faults = []
        session_dir = str(self.disk.path / "results" / SESSION)
        replay = [*self.disk.enter, sys.executable, "-m", "pytest_curator_bench", "replay", session_dir]
        self.call("replay", *replay, "--config", "benchmarks/config.yaml")
        statuses = {delivery_key(result): result["status"] for result in self.results()}
        for name, read in (("jsonl", self.read_jsonl), ("csv", self.read_csv), ("webhook", self.read_webhook)):
            got = read() if statuses else []
            delivered = {row["delivery_key"]: row["status"] for row in got}
            if len(delivered) != len(got):
                self.violated(f"{name} has a result twice: {sorted(row['delivery_key'] for row in got)}")
            for key, status in statuses.items():
                if delivered.get(key) != status:
                    self.violated(f"{name} has {delivered.get(key)} for a result that is {status}: {key}")

    def read_jsonl(self) -> list[dict[str, Any]]:
        """Rows of the JSON Lines; a part of a line, of a run that was killed, stands on a line of its own."""
        rows = []
        for line in (self.session_dir / "results.jsonl").read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                rows.append(json.loads(line))
        return rows

    def read_csv(self) -> list[dict[str, Any]]:
        """Rows of the table."""
        with (self.session_dir / "results.csv").open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["status"]]

    def read_webhook(self) -> list[dict[str, Any]]:
        """What the receiver has taken in, the last of each key."""
        return [{"delivery_key": key, **result} for key, result in self.receiver.received.items()]

    def report(self, name: str) -> str:
        """Return all that is known of the round."""
        output = (self.root / "output").read_text(errors="replace")
        return "\n".join(
            [
                f"round {name}:",
                *(f"  {text}" for text in self.violations),
                f"{self.plan}",
                "what was done:",
                *self.log,
                "processes that are left:",
                *self.left(),
                "output:",
                textwrap.indent(output[-4000:], "  "),
            ]
        )


@pytest.fixture
def disk(project: Project) -> Iterator[SmallDisk]:
    """A small disk, or an ordinary directory where nothing can be mounted."""
    disk = SmallDisk(project.path / "disk")
    yield disk
    disk.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [f"{SEED}-{number}" for number in range(ROUNDS)] if SEED else SHORT)
def test_round(project: Project, mark: str, receiver: Receiver, disk: SmallDisk, name: str) -> None:
    """Whatever happens to its processes and its disk, a run keeps its promises, and the next one works."""
    plan = SHORT.get(name) or Plan.drawn(name)
    if plan.fillings and not disk.is_mounted and not plan.strikes:
        pytest.skip("no file system can be mounted here, and this round is about a full one")
    chaos = Round(project, receiver, mark, plan, disk)
    status = chaos.run()
    chaos.check(
        chaos.nothing_is_left,
        chaos.files_are_whole,
        chaos.results_are_true,
        functools.partial(chaos.exit_status_is_true, status),
        chaos.what_had_ended_is_judged,
        chaos.leases_are_free,
        *([chaos.replay] if plan.replay_first else []),
        chaos.follow,
        chaos.nothing_is_left,
        chaos.replay,
        chaos.files_are_whole,
        chaos.results_are_true,
        chaos.entries_were_alone,
    )
    sys.stdout.write(chaos.report(name))  # -rP shows it where all is well
    if chaos.violations:
        pytest.fail(chaos.report(name), pytrace=False)
