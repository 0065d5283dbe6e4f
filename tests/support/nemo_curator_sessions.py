# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions as NeMo Curator's own runner writes them, with the keys of ``tests/data/nemo_curator_files.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.nemo_curator_files import assert_has_keys

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {
    "hostname": "dgx-01",
    "platform": "Linux-6.8",
    "total_system_memory_bytes": 1008 * 2**30,
    "shm_size_bytes": 2**30,
    "ray_version": "2.60.0",
    "git_commit": "ef44563" + "0" * 33,
    "image_digest": "unknown",
    "python_version": "3.11.7",
    "executable": "/usr/bin/python",
    "cuda_visible_devices": "2X NVIDIA H100, 1X NVIDIA A100",
    "object_store_size": "default",
    "packages_txt": "/old/packages.txt",
    "run_reason": "nightly",
    "viewer_url": "http://viewer",
}
BEGAN = 1_767_236_400.0  # 2026-01-01T03:00:00Z


def write_old_session(results: Path, night: int, **entries: dict[str, Any]) -> Path:
    """Write the session of a night; what is given of an entry replaces what is usual."""
    session = results / f"nightly__2026-01-{night + 1:02}__03-00-00"
    for number, (name, given) in enumerate(entries.items()):
        began = BEGAN + 86_400 * night + 600 * number
        result = {
            "name": name,
            "run_id": f"{name}-{int(began)}",
            "success": True,
            "cmd": f"python /old/scripts/{name}.py --input=/data/cc --benchmark-results-path={session / name}",
            "exec_started_at": began,
            "exec_time_s": 100.0,
            "exit_code": 0,
            "timed_out": False,
            "logs_dir": str(session / name / "logs"),
            "ray_cluster_data": {"CPU": 64.0, "GPU": 2.0},
            "gpu_stats": {"0": {"used": 1}},
            "warnings": ["GPU memory in use"],
            "metrics": {"num_documents": 1000, "task_reader_process_time_sum": 4.5},
            "params": {"entry_timeout_s": 600, "executor": "xenna"},
            "requirements_not_met": {},
            **given,
        }
        assert_has_keys("results.json", result)
        (session / name / "logs").mkdir(parents=True)
        (session / name / "logs" / "stdouterr.log").write_text(f"log of {name}\n")
        (session / name / "results.json").write_text(json.dumps(result))
    assert_has_keys("env.json", ENVIRONMENT)
    (session / "env.json").write_text(json.dumps(ENVIRONMENT))
    (session / "packages.txt").write_text("ray==2.60.0\n")
    return session
