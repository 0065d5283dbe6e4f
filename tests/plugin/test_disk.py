# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Full disks, lost rights, and scripts that take what is the plugin's: no false green, and no other entry harmed."""

from __future__ import annotations

import functools
import json
import os
import resource
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.bench_project import SCRIPT, pytest_command
from tests.support.confined import as_ordinary_user, on_small_disk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.bench_project import Project

FILL = """
import os
with open(1, "wb", buffering=0, closefd=False) as log:
    try:
        while True:
            log.write(bytes(65536))
    except OSError:
        pass
"""


def behaving(project: Project, entries: dict[str, str], *, keys: str = "") -> None:
    """Entries whose scripts write their three files and then do what is given; the last one only the former."""
    lines = []
    for name, code in entries.items():
        body = "\n".join(["import shutil", *code.strip().splitlines()])
        project.script(f"{name}.py", SCRIPT.replace("sys.exit(args.exit)", f"{body}\nsys.exit(args.exit)"))
        lines.append(f"  - {{name: {name}, script: {name}.py{keys}}}\n")
    project.config("".join(["entries:\n", *lines, "  - {name: last, script: ok.py}\n"]))


def run(project: Project, command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command in the project."""
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # its options are the caller's
        command, cwd=project.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )


def statuses(project: Project) -> dict[str, str]:
    """The status of each entry, which must be the one that session.json counts."""
    found = {
        path.parent.name: json.loads(path.read_text())["status"] for path in project.session_dir.glob("*/results.json")
    }
    assert project.session()["counts"] == {
        status: [*found.values()].count(status) for status in sorted(set(found.values()))
    }
    return found


def test_a_full_disk_makes_an_entry_an_error(project: Project) -> None:
    """The log of the last script fills the disk: its result is there, as an error, and pytest fails."""
    project.script("fill.py", SCRIPT.replace("sys.exit(args.exit)", f"{FILL}\nsys.exit(args.exit)"))
    project.config("entries:\n  - {name: fine, script: ok.py}\n  - {name: full, script: fill.py}\n")
    (project.path / "results").mkdir()
    ended = run(project, on_small_disk(pytest_command("-n", "1"), project.path / "results", "3m"))
    (project.path / "results").rmdir()
    (project.path / "results.kept").rename(project.path / "results")
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout
    assert statuses(project) == {"fine": "passed", "full": "error"}
    assert "Its result could not be written" in project.result("full")["error"]
    assert "No space left on device" in project.result("full")["error"]
    assert project.session()["status"] == "finished"
    assert not list(project.session_dir.glob("runs/*/.reserve"))


def test_a_result_that_can_nowhere_be_written_fails_pytest(project: Project) -> None:
    """No file of pytest's may become so large, at the end neither: report, exit status and session say so."""
    unlimited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, 2 * resource.getrlimit(resource.RLIMIT_FSIZE)[1:])"
    )
    behaving(
        project, {"large": f"{unlimited}\n(out / 'metrics.json').write_text(json.dumps({{'text': 'x' * 90_000}}))"}
    )
    unlimited_bytes = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (50_000, unlimited_bytes))
    ended = run(project, pytest_command(), preexec_fn=limit)
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout
    assert "INTERNALERROR" not in ended.stdout
    assert "FAILED benchmarks/config.yaml::large - Its result could not be written" in ended.stdout
    assert project.session()["counts"] == {"error": 1, "passed": 1}
    assert not (project.session_dir / "large" / "results.json").exists()


def test_what_scripts_do_to_their_directories_is_theirs_alone(project: Project) -> None:
    """As an ordinary user: every entry has its result, those that harmed themselves are bad, and the last one passes."""
    bad = {
        "lock": "out.chmod(0)",
        "read-only": "out.chmod(0o555)",
        "in-the-way": "(out / 'results.json').mkdir()",
        "a-file": "shutil.rmtree(out); out.write_text('mine')",
        "a-link": "out.rename(out.with_name('elsewhere')); out.symlink_to('elsewhere')",
        "a-loop": "shutil.rmtree(out); out.symlink_to(out.name)",
        "gone": "shutil.rmtree(out)",
        "session": "out.chmod(0); out.parent.chmod(0)",
        "all-runs": "for run in (out.parent / 'runs').iterdir():\n    run.chmod(0)\nrun.parent.chmod(0); out.chmod(0)",
    }
    behaving(project, bad)
    ended = run(project, as_ordinary_user(pytest_command()))
    assert ended.returncode == pytest.ExitCode.TESTS_FAILED, ended.stdout
    assert "INTERNALERROR" not in ended.stdout
    assert "Traceback" not in ended.stdout
    found = statuses(project)
    found.pop("elsewhere", None)
    assert found.pop("last") == "passed"
    assert found.pop("a-link") == "passed"  # all that it wrote can be read, wherever that lies
    assert set(found) == {path.stem for path in project.scripts.glob("*.py")} - {"ok", "a-link"}
    assert set(found.values()) <= {"failed", "error"}, found
    assert found["read-only"] == found["in-the-way"] == "error"


def test_the_session_survives_a_script_that_removes_it(project: Project) -> None:
    """What comes after is written, the session's own record, too."""
    behaving(project, {"remover": "shutil.rmtree(out.parent)"})
    project.run().assert_outcomes(failed=1, passed=1)
    assert statuses(project) == {"remover": "failed", "last": "passed"}
    assert project.session()["status"] == "finished"


def test_results_that_a_later_script_removes_or_breaks_are_written_again(project: Project) -> None:
    """Its own entry passes, so nothing else would tell: the earlier ones keep their results, with a warning."""
    behaving(
        project,
        {
            "cleaner": "shutil.rmtree(out.parent / 'gone')\n"
            "(out.parent / 'half' / 'results.json').unlink()\n"
            "(out.parent / 'broken' / 'results.json').write_text('')\n"
            "(out.parent / 'replaced' / 'results.json').unlink()\n"
            "(out.parent / 'replaced' / 'results.json').mkdir()"
        },
    )
    names = ("gone", "half", "broken", "replaced")
    first = "".join(f"  - {{name: {name}, script: ok.py}}\n" for name in names)
    config = project.path / "benchmarks" / "config.yaml"
    config.write_text(config.read_text().replace("entries:\n", f"entries:\n{first}"))
    project.run().assert_outcomes(passed=6, warnings=4)
    assert statuses(project) == dict.fromkeys((*names, "cleaner", "last"), "passed")
    for name in names:
        assert any("was written again" in text for text in project.warnings(name)), name


def test_a_scripts_files_of_our_names_are_kept_under_others(project: Project) -> None:
    """The entry passes with a warning for each, and nothing is overwritten."""
    names = ("results.json", "tasks.json", ".run.json", "telemetry.csv")
    behaving(project, {"own": f"for name in {names}:\n    (out / name).write_text('mine')"})
    project.run().assert_outcomes(passed=2)
    assert statuses(project) == {"own": "passed", "last": "passed"}
    entry_dir = project.session_dir / "own"
    for name in names:
        assert any(f"The script wrote {name}, a name that is reserved" in text for text in project.warnings("own"))
        own = entry_dir / (f"script-{name.lstrip('.')}" if name != "telemetry.csv" else name)
        assert own.read_text().startswith("mine")


def test_pipes_and_devices_in_the_place_of_files_hang_nothing(project: Project) -> None:
    """The log, the claim, the result and the samples as pipes, or links to devices: run, recovery and replay go on."""
    names = ("stdouterr.log", ".run.json", "results.json", "telemetry.csv", "tasks.json", ".status.json")
    replace = f"for name in {names}:\n    (out / name).unlink(missing_ok=True)\n    "
    behaving(
        project,
        {
            "pipes": f"{replace}os.mkfifo(out / name)\ntime.sleep(1)",  # so that the live view looks at them
            "devices": f"{replace}(out / name).symlink_to('/dev/zero')",
            "failing": f"{replace}os.mkfifo(out / name)\nargs.exit = 1",
        },
    )
    result = project.run()
    result.assert_outcomes(passed=3, failed=1)
    assert statuses(project) == {"pipes": "passed", "devices": "passed", "failing": "failed", "last": "passed"}
    (run_file,) = project.session_dir.glob("runs/*/run.json")
    run_file.unlink()
    os.mkfifo(run_file)
    replay = run(project, ["curator-bench", "replay", str(project.session_dir)])
    assert replay.returncode == 2
    assert "no sink is switched on" in replay.stdout


def test_attempts_are_kept_whatever_a_script_calls_its_files(project: Project) -> None:
    """The script has an ``attempt-1`` of its own; then one that locks, and one that replaces its directory."""
    first = "first = not (flag := pathlib.Path(args.print)).exists(); flag.touch(); args.exit = int(first)"
    behaving(
        project,
        {
            "namesake": f"{first}\nif first: (out / 'attempt-1').write_text('mine'); (out / 'attempt-2').mkdir()",
            "locked": f"{first}\nif first: out.chmod(0)",
            "replaced": f"{first}\nif first: shutil.rmtree(out); out.write_text('mine')",
        },
        keys=", args: --print flag-{entry}, retries: 1, retry_on: [failed]",
    )
    config = project.path / "benchmarks" / "config.yaml"
    for name in ("namesake", "locked", "replaced"):
        config.write_text(config.read_text().replace("flag-{entry}", f"flag-{name}", 1))
    ended = run(project, as_ordinary_user(pytest_command()))
    assert ended.returncode == pytest.ExitCode.OK, ended.stdout
    assert set(statuses(project).values()) == {"passed"}
    archive = project.session_dir / "namesake" / "attempt-1"
    assert (archive / "attempt-1").read_text() == "mine"
    assert (archive / "attempt-2").is_dir()
    assert (archive / "stdouterr.log").exists()
    assert [attempt["status"] for attempt in project.result("locked")["attempts"]] == ["failed", "passed"]


@pytest.mark.parametrize("key", ["results_dir", "artifacts_dir"])
@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("x" * 300, "File name too long*choose shorter names"),
        ("/".join(["x" * 200] * 25), "File name too long*choose shorter names"),
        ("dangling", "the link *dangling leads nowhere, to nowhere: make that directory"),
        ("dangling/below", "the link *dangling leads nowhere, to nowhere: make that directory"),
        ("loop", "the link *loop leads nowhere, to loop"),
        ("file", "is no directory: set * to one"),
    ],
)
def test_places_that_can_be_no_directory_are_refused(project: Project, key: str, place: str, problem: str) -> None:
    """One sentence, and nothing is left behind."""
    (project.path / "dangling").symlink_to("nowhere")
    (project.path / "loop").symlink_to("loop")
    (project.path / "file").touch()
    others = "" if key == "results_dir" else "results_dir: ../results\n"
    project.config(f"{key}: ../{place}\n{others}entries:\n  - {{name: a, script: ok.py}}\n", head=False)
    result = project.run_here()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{problem}*"])
    assert not (project.path / "results").exists()


def test_a_umask_that_locks_us_out_leaves_no_half_session(project: Project) -> None:
    """As an ordinary user."""
    behaving(project, {})
    (project.path / "leases").mkdir(mode=0o700)
    ended = run(project, as_ordinary_user(pytest_command()), umask=0o777)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "results was made, but not for this user to write in: set another umask" in ended.stdout
    assert not (project.path / "results").exists()
