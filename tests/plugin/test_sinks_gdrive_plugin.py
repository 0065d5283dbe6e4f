# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink gdrive in whole pytest runs and replays, against a Drive on loopback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_sinks_plugin import replay
from tests.support.drive_server import ROOT_ID
from tests.support.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.bench_project import Project
    from tests.support.drive_server import DriveServer

pytest.importorskip("google.auth", reason="the extra gdrive is missing")

CONFIG = """
sinks:
  - name: gdrive
    drive_folder_id: ${{PLANTED_FOLDER}}
    service_account_file: {key_file}
    api_url: {url}
entries:
  - {{name: a, script: ok.py}}
  - {{name: b, script: ok.py, args: --exit 3}}
"""


@pytest.fixture
def drive_project(project: Project, drive: DriveServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that delivers to ``drive``."""
    key_file = project.path / "key.json"
    key_file.write_text(json.dumps(drive.service_account()))
    monkeypatch.setenv("PLANTED_FOLDER", ROOT_ID)
    project.config(CONFIG.format(key_file=key_file, url=drive.url))
    return project


def archived(drive: DriveServer, session_dir: Path) -> dict[str, bytes]:
    """The files in the only archive of the only session."""
    tree = drive.tree()
    assert list(tree) == [session_dir.name]
    ((name, content),) = tree[session_dir.name].items()
    assert name == f"{session_dir.name}.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(session_dir.parents[1] / "unpacked", filter="data")
    unpacked = session_dir.parents[1] / "unpacked" / session_dir.name
    return {str(file.relative_to(unpacked)): file.read_bytes() for file in unpacked.rglob("*") if file.is_file()}


def on_disk(session_dir: Path) -> dict[str, bytes]:
    """The session's files, without those that are nobody's business."""
    found = {}
    for file in session_dir.rglob("*"):
        relative = file.relative_to(session_dir)
        is_kept_here = relative.parts[0] == "sinks" or "scratch" in relative.parts or file.name == "script_env.json"
        if file.is_file() and not is_kept_here:
            found[str(relative)] = file.read_bytes()
    return found


def assert_no_secret(project: Project, drive: DriveServer, texts: Iterable[str]) -> None:
    """Neither key nor token nor an upload's address stands in a text or in a file of the session."""
    key_line = drive.service_account()["private_key"].splitlines()[3]
    files = [file.read_bytes() for file in project.session_dir.rglob("*") if file.is_file()]
    for content in [*files, *(text.encode() for text in texts)]:
        for secret in (key_line, "planted-token", "planted-upload", ROOT_ID):
            assert secret.encode() not in content


@pytest.mark.parametrize("workers", [0, 1])
def test_a_session_arrives(drive_project: Project, drive: DriveServer, workers: int) -> None:
    """All of it, as it is on the disk at the end; the summary has the link; nothing that is secret is written."""
    result = drive_project.run("-n", str(workers))
    result.assert_outcomes(passed=1, failed=1)
    session_dir = drive_project.session_dir
    files = archived(drive, session_dir)
    assert files == on_disk(session_dir)
    assert {"session.json", "env.json", "a/results.json", "b/results.json", "b/stdouterr.log"} <= set(files)
    (folder,) = [file_id for file_id, file in drive.files.items() if file.name == session_dir.name]
    line = f"sink gdrive: 2 delivered; https://drive.google.com/drive/folders/{folder}"
    result.stdout.fnmatch_lines([line])
    assert_no_secret(drive_project, drive, [result.stdout.str(), result.stderr.str()])
    drive.requests.clear()
    done = replay(drive_project, str(session_dir), "--config", "benchmarks/config.yaml")
    assert (done.returncode, done.stdout, drive.requests) == (0, "sink gdrive: has everything already\n", [])


def test_a_drive_that_is_down(drive_project: Project, drive: DriveServer) -> None:
    """The run's outcome stays the same, the reason is told, and a replay delivers, twice no more than once."""
    drive.faults = {"start": [(503, "backendError")] * 100}
    result = drive_project.run()
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    reason = "finalize: beginning an upload: Drive answered with status 503 (backendError)"
    result.stdout.fnmatch_lines(
        [
            f"sink gdrive: 2 delivered; not finalized; 4 calls failed, the last one with: {reason}",
            "to deliver what is left: curator-bench replay *",
        ]
    )
    drive.faults.clear()
    session = str(drive_project.session_dir)
    first = replay(drive_project, session, "--config", "benchmarks/config.yaml")
    second = replay(drive_project, session, "--config", "benchmarks/config.yaml")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout
    assert first.stdout.startswith("sink gdrive: 0 delivered; https://drive.google.com/drive/folders/")
    assert second.stdout == "sink gdrive: has everything already\n"
    assert archived(drive, drive_project.session_dir) == on_disk(drive_project.session_dir)
    assert_no_secret(drive_project, drive, [result.stdout.str(), first.stdout, first.stderr])


def test_killed_while_uploading(drive_project: Project, drive: DriveServer) -> None:
    """SIGKILL in the middle of a request: a replay continues the same upload."""
    drive.faults = {"put": [("hang",)]}
    command = [sys.executable, "-m", "pytest", "benchmarks", "--bench-config", "config.yaml"]
    run = subprocess.Popen(command, cwd=drive_project.path, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: "put" in drive.requests)
    finally:
        run.kill()
        run.wait()
    drive.requests.clear()
    session_dir = drive_project.session_dir
    done = replay(drive_project, str(session_dir), "--config", "benchmarks/config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert archived(drive, session_dir) == on_disk(session_dir)
    assert [what for what in drive.requests if what in {"start", "ask", "put"}][-2:] == ["ask", "put"]
    assert list((session_dir / "sinks/gdrive/state/uploads").iterdir()) == []


def test_nothing_is_imported_before_a_session(tmp_path: Path) -> None:
    """Checking the settings loads neither google-auth nor requests: it happens when pytest only collects, too."""
    code = (
        "import sys; from pytest_curator_bench.sinks.gdrive.sink import GoogleDriveSink; "
        "GoogleDriveSink({'name': 'gdrive', 'drive_folder_id': 'x', 'service_account_file': 'none.json'}); "
        "print([name for name in ('google.auth', 'requests', 'cryptography', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
