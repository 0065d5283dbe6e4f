# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""MLflow, Slack and Google Drive take connections and never answer: benchmarks don't care, and nothing is lost."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.bench_project import Project
    from tests.support.drive_server import DriveServer

pytestmark = pytest.mark.curator
for _library in ("mlflow", "google.auth", "slack_sdk"):
    pytest.importorskip(_library, reason=f"needs {_library}")


def test_services_that_never_answer(project: Project, drive: DriveServer) -> None:
    """Results, counts and exit status are those of a run without sinks; what could not be sent is kept for a replay."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections; nobody reads them
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        key_file = project.path / "key.json"
        key_file.write_text(json.dumps({**drive.service_account(), "token_uri": f"{url}/token"}))
        entries = "".join(f"  - {{name: e{n}, script: ok.py, args: --exit {3 if n == 5 else 0}}}\n" for n in range(10))
        project.config(
            "sinks:\n"
            f"  - {{name: mlflow, tracking_uri: '{url}'}}\n"
            f"  - {{name: slack, bot_token: xoxb-planted-7, channel_id: C0123456789, api_url: '{url}/api/'}}\n"
            f"  - {{name: gdrive, drive_folder_id: root, service_account_file: '{key_file}', api_url: '{url}'}}\n"
            f"entries:\n{entries}"
        )
        result = project.run()
    result.assert_outcomes(passed=9, failed=1)
    assert result.ret == 1
    for sink in ("mlflow", "slack", "gdrive"):
        result.stdout.fnmatch_lines([f"sink {sink}: 0 delivered; 10 kept for replay (e0, *"])
    result.stdout.fnmatch_lines(["to deliver what is left: curator-bench replay results/*"])
    passed = [project.result(f"e{number}")["status"] == "passed" for number in range(10)]
    assert passed == [number != 5 for number in range(10)]
    assert project.session()["status"] == "finished"
    written = [path for path in project.session_dir.rglob("*") if path.is_file()]
    assert not [path for path in written if b"xoxb-planted-7" in path.read_bytes()]
