# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Leases between real processes: waiting, giving back, dying, and directories that can't be used."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench.processes.client import Supervisor
from pytest_curator_bench.resources import state_file as shared
from pytest_curator_bench.resources.capacity import SIMULATED_VARIABLE, read_capacity
from pytest_curator_bench.resources.registry import Blockage, LeaseError, LeaseRegistry, ResourceRequest
from pytest_curator_bench.resources.state_file import DIRECTORY_VARIABLE, leases_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALL = ResourceRequest(cpus=None, gpus=None, alone=True)
ONE = ResourceRequest(cpus=1, gpus=1)

JOIN = """
import os, sys, time
from pathlib import Path
from pytest_curator_bench.processes.client import Supervisor
from pytest_curator_bench.resources.capacity import read_capacity
from pytest_curator_bench.resources.registry import LeaseRegistry, ResourceRequest
registry = LeaseRegistry(read_capacity(os.environ), os.environ)
"""
HOLD = "lease = registry.acquire(ResourceRequest(cpus=None, gpus=None, alone=True), 'holder')\n"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which 4 CPUs and 2 GPUs are shared through a directory of the test's own."""
    return {SIMULATED_VARIABLE: "cpus=4,gpus=2,memory=1000000000", DIRECTORY_VARIABLE: str(tmp_path / "leases")}


@pytest.fixture
def join(environ: dict[str, str]) -> Iterator[Callable[[], LeaseRegistry]]:
    """Take part, as often as wished: two registries are to each other as two processes are."""
    with contextlib.ExitStack() as stack:

        def joined() -> LeaseRegistry:
            registry = LeaseRegistry(read_capacity(environ), environ)
            stack.callback(registry.close)
            return registry

        yield joined


def in_process(environ: dict[str, str], code: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """A process that takes part, and does something until it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOIN + code],
        env={**os.environ, **environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def state_of(environ: dict[str, str]) -> dict[str, list[dict[str, object]]]:
    """What stands in the state file."""
    state_file = Path(environ[DIRECTORY_VARIABLE]) / "simulated" / "state.json"
    state: dict[str, list[dict[str, object]]] = json.loads(state_file.read_bytes())
    return state


def test_leases_are_disjoint_and_come_back(join: Callable[[], LeaseRegistry]) -> None:
    """Two get one of two GPUs each, a third none until one is given back; giving back twice does nothing."""
    first, second = join(), join()
    lease, other = first.acquire(ONE, "a"), second.acquire(ONE, "b")
    assert (lease.gpus, other.gpus, lease.cpus, other.cpus) == ((0,), (1,), (0,), (1,))
    assert lease.environment() == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "0"}
    assert first.try_acquire(ONE, "c") is None
    lease.release()
    released = lease.released_at
    lease.release()
    assert lease.released_at == released
    again = second.try_acquire(ONE, "c")
    assert again is not None
    assert again.gpus == (0,)
    assert lease.released_at is not None
    assert again.granted_at >= lease.released_at
    assert set(lease.to_dict()) == {"cpus", "gpus", "object_store_bytes", "waited_s", "granted_at", "released_at"}


def test_a_gpu_is_the_same_in_each_container(environ: dict[str, str]) -> None:
    """Numbers begin at 0 in each: one that has been given GPU 2 calls it 0, and leases it from those outside."""
    outside = read_capacity(environ)
    outside = dataclasses.replace(
        outside, gpus=("GPU-a", "GPU-b", "GPU-c"), devices={"GPU-a": 0, "GPU-b": 1, "GPU-c": 2}
    )
    inside = dataclasses.replace(outside, gpus=("GPU-c",), devices={"GPU-c": 0})
    other = dataclasses.replace(outside, gpus=("GPU-b",), devices={"GPU-b": 0})
    with contextlib.ExitStack() as stack:
        registries = [
            stack.enter_context(contextlib.closing(LeaseRegistry(there, environ))) for there in (outside, inside, other)
        ]
        leases = [registry.try_acquire(ONE, "a") for registry in registries]
        assert [lease and lease.gpus for lease in leases] == [(0,), (0,), (0,)]  # three GPUs
        assert registries[0].try_acquire(ONE, "b") is None
        assert leases[1] is not None
        leases[1].release()
        last = registries[0].try_acquire(ONE, "b")
        assert last is not None
        assert last.environment()["CUDA_VISIBLE_DEVICES"] == "2"
        assert registries[1].try_acquire(ONE, "c") is None


def test_no_gpu_is_visible_where_none_is_leased(join: Callable[[], LeaseRegistry], environ: dict[str, str]) -> None:
    """A lease of none hides those that others may hold; a machine without any leaves the variable as it is."""
    assert join().acquire(ResourceRequest(cpus=1, gpus=0), "a").environment()["CUDA_VISIBLE_DEVICES"] == ""
    environ[SIMULATED_VARIABLE] = "cpus=4"
    assert join().acquire(ResourceRequest(cpus=1, gpus=0), "a").environment() == {}


def test_affinity_on_this_machine(environ: dict[str, str]) -> None:
    """It is set for a part of the machine only: who has it all runs as pytest itself does."""
    environ[SIMULATED_VARIABLE] = ""
    registry = LeaseRegistry(read_capacity(environ), environ)
    count = len(registry.capacity.cpus)
    with contextlib.closing(registry):
        whole = registry.acquire(ALL, "a")
        assert (len(whole.cpus), whole.affinity) == (count, None)
        whole.release()
        nothing = registry.acquire(ResourceRequest(cpus=0, gpus=0), "b")
        assert (nothing.cpus, nothing.affinity) == ((), None)
        if count > 1:
            part = registry.acquire(ResourceRequest(cpus=1, gpus=0), "c")
            assert part.affinity == part.cpus
            assert len(part.cpus) == 1


def test_more_than_there_is_is_never_waited_for(join: Callable[[], LeaseRegistry]) -> None:
    """It is an error at once."""
    with pytest.raises(LeaseError, match="big needs 3 GPUs, this machine has 2"):
        join().acquire(ResourceRequest(cpus=1, gpus=3), "big")


def test_waiting_tells_why(join: Callable[[], LeaseRegistry], environ: dict[str, str]) -> None:
    """Who holds what, and who stands before; told again when that changes, and to nobody who needs not wait."""
    first, second, third = join(), join(), join()
    held = first.acquire(ALL, "holder", lambda blockage: pytest.fail(str(blockage)))
    heard: list[Blockage] = []

    def wait_in_line() -> None:
        third.acquire(ONE, "one", heard.append).release()

    thread = threading.Thread(target=wait_in_line)

    def begin(blockage: Blockage) -> None:
        """When the second waits, the third gets in line behind it; then the holder goes."""
        assert blockage.request == "the whole machine"
        assert [grant.name for grant in blockage.grants] == ["holder"]
        assert first.others_waiting()
        thread.start()
        while len(state_of(environ)["waiters"]) < 2:
            time.sleep(0.01)
        held.release()

    lease = second.acquire(ALL, "whole", begin)
    assert lease.waited_s > 0
    while not heard or [grant.name for grant in heard[-1].grants] != ["whole"]:
        time.sleep(0.01)
    lease.release()
    thread.join()
    assert [grant.pid for grant in heard[0].grants] == [os.getpid()]
    assert not first.others_waiting()
    assert state_of(environ)["grants"] == state_of(environ)["waiters"] == []


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_dies_gives_back(
    join: Callable[[], LeaseRegistry], environ: dict[str, str], kill: signal.Signals
) -> None:
    """Its lock goes with it, and its file with the next look, whatever process has its number now."""
    process = in_process(environ, HOLD + "print('ready', flush=True); time.sleep(300)")
    registry = join()
    assert registry.try_acquire(ALL, "a") is None
    lease = registry.acquire(ALL, "a", lambda _: process.send_signal(kill))
    process.wait()
    assert len(lease.gpus) == 2
    assert len(list(registry._shared.directory.glob("owner-*"))) == 1


def test_a_waiter_that_dies_lets_others_pass(join: Callable[[], LeaseRegistry], environ: dict[str, str]) -> None:
    """What was kept for it is not kept for ever."""
    registry = join()
    registry.acquire(ONE, "held")
    process = in_process(
        environ,
        "def told(_): print('ready', flush=True)\n"
        "registry.acquire(ResourceRequest(cpus=None, gpus=None), 'waiter', told)",
    )
    assert registry.others_waiting()
    process.kill()
    process.wait()
    assert not registry.others_waiting()
    assert registry.try_acquire(ONE, "beside") is not None


def test_a_killed_holder_keeps_its_lease_until_its_processes_are_gone(
    join: Callable[[], LeaseRegistry], environ: dict[str, str], tmp_path: Path
) -> None:
    """The supervisor has the lock as well: a script that ignores SIGTERM keeps the GPU from others while it runs."""
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('up', 'w'); time.sleep(300)"
    process = in_process(
        environ,
        f"{HOLD}supervisor = Supervisor.start(keep_open=[registry.lock_fd])\n"
        f"job = supervisor.spawn([sys.executable, '-c', {script!r}], env={{}}, cwd=Path.cwd(),\n"
        "    log_file=Path('log'), name='stubborn')\n"
        "while not os.path.exists('up'): time.sleep(0.01)\n"
        "print('ready', flush=True); print(job.pid, flush=True); time.sleep(300)",
        cwd=tmp_path,
    )
    assert process.stdout is not None
    script_pid = int(process.stdout.readline())
    registry = join()
    process.kill()
    process.wait()
    registry.acquire(ALL, "a")
    with pytest.raises(ProcessLookupError):
        os.kill(script_pid, 0)


def test_scripts_do_not_have_the_lock(join: Callable[[], LeaseRegistry], tmp_path: Path) -> None:
    """Only supervisor and keeper hold copies: what a script starts can't keep a lease."""
    registry = join()
    supervisor = Supervisor.start(keep_open=[registry.lock_fd])
    try:
        job = supervisor.spawn(
            ["/bin/ls", "-l", "/proc/self/fd"], env={}, cwd=tmp_path, log_file=tmp_path / "log", name="x"
        )
        job.wait()
        job.end(0)
    finally:
        supervisor.close()
    assert "owner-" not in (tmp_path / "log").read_text()


def test_an_interrupted_waiter_leaves_the_queue(join: Callable[[], LeaseRegistry], environ: dict[str, str]) -> None:
    """Ctrl-C while waiting is an ordinary KeyboardInterrupt, and nothing stays behind."""
    first, second = join(), join()
    first.acquire(ALL, "holder")

    def interrupt(_: Blockage) -> None:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        second.acquire(ALL, "waiter", interrupt)
    assert state_of(environ)["waiters"] == []
    assert [grant["name"] for grant in state_of(environ)["grants"]] == ["holder"]


def test_closing_gives_back_and_forks_do_not(join: Callable[[], LeaseRegistry], environ: dict[str, str]) -> None:
    """A fork of the process closes nothing of its parent's."""
    first, second = join(), join()
    first.acquire(ALL, "a")
    if (child := os.fork()) == 0:
        first.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert second.try_acquire(ONE, "b") is None
    first.close()
    assert second.try_acquire(ONE, "b") is not None
    assert len(state_of(environ)["grants"]) == 1


def test_a_simulated_machine_keeps_nothing_of_the_real_one(environ: dict[str, str]) -> None:
    """What is pretended is shared among pretenders only."""
    pretended = LeaseRegistry(read_capacity(environ), environ)
    pretended.acquire(ALL, "a")
    environ[SIMULATED_VARIABLE] = ""
    real = LeaseRegistry(read_capacity(environ), environ)
    assert real.try_acquire(ALL, "b") is not None
    real.close()
    pretended.close()


# --- what can be wrong with the directory ---


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "[" * 100_000, '{"version": 99, "grants": [], "waiters": []}', "\xff"]
)
def test_an_unreadable_state(join: Callable[[], LeaseRegistry], content: str) -> None:
    """With others about nobody knows who holds what: an error that says so. Alone, it is made anew, nothing lost."""
    first, second = join(), join()
    lease = first.acquire(ONE, "a")
    state_file = first._shared.directory / "state.json"
    state_file.write_bytes(content.encode("latin-1"))
    with pytest.raises(LeaseError, match=r"can't be read .*and other runs may hold leases"):
        second.acquire(ONE, "b")
    second.close()
    assert first.try_acquire(ALL, "c") is None  # its own lease is not forgotten
    lease.release()
    assert first.try_acquire(ALL, "c") is not None


def test_a_lease_that_could_not_be_released_goes_with_the_next_change(
    join: Callable[[], LeaseRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for a moment when the lease ends: the process never waits for itself, nor do others for it."""
    first, second = join(), join()
    lease, other = first.acquire(ONE, "a"), first.acquire(ONE, "b")
    with monkeypatch.context() as full:
        full.setattr(shared, "write_bytes", no_space)
        for one in (lease, other):
            with pytest.raises(LeaseError, match=r"leases can't be kept in .*: No space left on device"):
                one.release()
        with pytest.raises(LeaseError, match="No space left on device"):
            first.try_acquire(ONE, "c")
    first.acquire(ALL, "d", lambda blockage: pytest.fail(str(blockage))).release()
    assert second.try_acquire(ALL, "e") is not None


def test_a_lease_that_could_not_be_released_goes_with_its_process(
    join: Callable[[], LeaseRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the last change fails too: nothing of the process is alive then."""
    first, second = join(), join()
    lease = first.acquire(ALL, "a")
    with monkeypatch.context() as full:
        full.setattr(shared, "write_bytes", no_space)
        with pytest.raises(LeaseError, match="No space left on device"):
            lease.release()
        first.close()
    assert second.try_acquire(ALL, "b") is not None


def test_a_request_that_could_not_be_withdrawn_keeps_nobody_waiting(
    join: Callable[[], LeaseRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it waits, on a full disk: it leaves the queue with the next change, also if it was granted."""
    first, second = join(), join()
    lease = first.acquire(ALL, "a")

    def interrupt(_: Blockage) -> None:
        monkeypatch.setattr(shared, "write_bytes", no_space)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        second.acquire(ALL, "b", interrupt)
    monkeypatch.undo()
    lease.release()  # which grants it to the one that has gone
    second.acquire(ALL, "c", lambda blockage: pytest.fail(str(blockage)))


def no_space(*_: object, **__: object) -> None:
    """Write nothing: the disk is full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "in_its_place",
    [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.with_name("lock").write_text("") or path.symlink_to("lock/below"),
    ],
)
def test_something_else_in_place_of_the_state(
    join: Callable[[], LeaseRegistry], in_its_place: Callable[[Path], None]
) -> None:
    """A sentence that names it instead of a wait; when it is gone, the process still knows what it holds itself."""
    reason = r"leases can't be kept in .*/simulated: .+; CURATOR_BENCH_LEASES_DIR"
    registry = join()
    lease = registry.acquire(ONE, "a")
    state_file = registry._shared.directory / "state.json"
    state_file.unlink()
    in_its_place(state_file)
    with pytest.raises(LeaseError, match=reason):
        registry.acquire(ONE, "b")
    with pytest.raises(LeaseError, match=reason):
        lease.release()
    state_file.rmdir() if state_file.is_dir() else state_file.unlink()
    assert registry.try_acquire(ALL, "c") is not None


@pytest.mark.parametrize("vanished", ["lock", "state.json"])
def test_a_file_that_vanishes_is_made_anew(join: Callable[[], LeaseRegistry], vanished: str) -> None:
    """A cleaner of /tmp took the lock, or the state of a run that is alone: it goes on, and still has its leases."""
    registry = join()
    lease = registry.acquire(ONE, "a")
    (registry._shared.directory / vanished).unlink()
    assert registry.try_acquire(ALL, "b") is None
    lease.release()
    assert registry.try_acquire(ALL, "b") is not None


def test_the_state_that_vanishes_under_several_runs(join: Callable[[], LeaseRegistry]) -> None:
    """Nobody knows who holds what: no lease for anybody, a newcomer included, while two of them are there."""
    first, second = join(), join()
    first.acquire(ONE, "a")
    (first._shared.directory / "state.json").unlink()
    newcomer = join()
    for registry in (second, newcomer):
        with pytest.raises(LeaseError, match=r"can't be read \(it was removed\), and other runs may hold leases"):
            registry.acquire(ALL, "b")
    second.close()
    newcomer.close()
    assert first.try_acquire(ALL, "c") is None


def test_a_run_whose_own_file_vanished_leases_nothing_more(join: Callable[[], LeaseRegistry]) -> None:
    """Others take it for dead and use what it leases: an error that says so, rather than two on one GPU."""
    first, second = join(), join()
    lease = first.acquire(ALL, "a")
    first._shared._owner_file(first._shared.owner).unlink()
    other = second.try_acquire(ALL, "b")
    assert other is not None
    with pytest.raises(LeaseError, match=r"owner-.* was removed .*: other runs may use what it has leased"):
        lease.release()
    other.release()
    with pytest.raises(LeaseError, match="run pytest again"):
        first.acquire(ONE, "c")


def test_a_directory_that_vanishes(join: Callable[[], LeaseRegistry]) -> None:
    """The lease can't be given back to anybody; that is told, and the next one too."""
    registry = join()
    lease = registry.acquire(ONE, "a")
    for path in registry._shared.directory.iterdir():
        path.unlink()
    registry._shared.directory.rmdir()
    with pytest.raises(
        LeaseError, match=r"leases can't be kept in .*: No such file or directory; CURATOR_BENCH_LEASES_DIR"
    ):
        lease.release()
    with pytest.raises(LeaseError, match="No such file"):
        registry.acquire(ONE, "b")


def test_the_usual_directory_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is the user's own with mode 0700, whatever TMPDIR and umask say; one that others may enter is refused."""
    monkeypatch.setattr(shared, "_TOP", tmp_path)
    monkeypatch.setenv("TMPDIR", "/nowhere")
    directory = leases_dir({})
    assert directory == tmp_path / f"pytest-curator-bench-{os.geteuid()}" / "leases"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (directory, directory.parent)] == [0o700, 0o700]
    directory.parent.chmod(0o755)
    with pytest.raises(LeaseError, match="must be a directory of yours that nobody else may enter"):
        leases_dir({})
    directory.rmdir()
    directory.parent.rmdir()
    directory.parent.symlink_to(tmp_path)  # somebody else's trap
    with pytest.raises(LeaseError, match="must be a directory of yours"):
        leases_dir({})
    directory.parent.unlink()
    directory.parent.touch()
    with pytest.raises(LeaseError, match="must be a directory of yours"):
        leases_dir({})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user who was there first is not trusted."""
    monkeypatch.setattr(shared, "_TOP", tmp_path)
    os.chown(leases_dir({}).parent, 65534, 65534)
    with pytest.raises(LeaseError, match="remove it, or name another one in CURATOR_BENCH_LEASES_DIR"):
        leases_dir({})


def test_a_named_directory(tmp_path: Path) -> None:
    """It is made with its parents; a file in its place, or a relative path, is one clear error."""
    assert leases_dir({DIRECTORY_VARIABLE: str(tmp_path / "a" / "b")}).is_dir()
    with pytest.raises(LeaseError, match="expected an absolute path"):
        leases_dir({DIRECTORY_VARIABLE: "here"})
    (tmp_path / "file").touch()
    with pytest.raises(LeaseError, match="File exists"):
        leases_dir({DIRECTORY_VARIABLE: str(tmp_path / "file")})
    with pytest.raises(LeaseError, match="Not a directory"):
        leases_dir({DIRECTORY_VARIABLE: str(tmp_path / "file" / "below")})


def test_an_unwritable_directory() -> None:
    """It is said before anything is leased; asked in a process that is not root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o555)
        code = (
            "import os\nfrom pytest_curator_bench.resources.state_file import leases_dir\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            f"try: leases_dir({{'{DIRECTORY_VARIABLE}': {directory!r}}})\n"
            "except RuntimeError as error: print(error)"
        )
        assert "can't be written: correct its permissions" in subprocess.check_output(
            [sys.executable, "-c", code], text=True
        )
