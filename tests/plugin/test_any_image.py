# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``run.sh --image`` and ``in_image.sh``: benchmarks in an image that has neither the plugin nor pytest.

The image is a virtual environment with a pip that installs links to this one's packages, so that no index is
asked. ``tests/container/check_any_image.sh`` tries the real pip, in a real container.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.plugin.test_container_tools import Host, host, values, words_of

if TYPE_CHECKING:
    from tests.support.bench_project import Project

__all__ = ["host"]

REPO = Path(__file__).parents[2]
IN_IMAGE = REPO / "benchmarks" / "tools" / "in_image.sh"
PIP = f"""
import pathlib, sys
if "--python" in sys.argv:
    own = pathlib.Path(sys.argv[sys.argv.index("--python") + 1])
    packages = next(own.parents[1].glob("lib/python3*/site-packages"))
    for entry in pathlib.Path({sysconfig.get_path("purelib")!r}).iterdir():
        if entry.suffix != ".pth" and entry.name != "pytest_curator_bench":
            (packages / entry.name).symlink_to(entry)
    (packages / "pytest_curator_bench").symlink_to({str(REPO / "pytest_curator_bench")!r})
    (own.parents[2] / "asked").write_text(" ".join(sys.argv[sys.argv.index("install"):]))
"""
SCRIPT = """
import importlib.util, json, os, pathlib, sys
import yaml
from pytest_curator_bench.script import Benchmark
with Benchmark("look") as bench:
    bench.metrics["yaml"] = yaml.__version__
    bench.metrics["python"] = sys.executable
    bench.metrics["others"] = sorted(name for name in ("pytest", "pydantic", "rich", "xdist") if importlib.util.find_spec(name))
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image's Python: with pip, with an old PyYAML, and with no pytest."""
    path = tmp_path_factory.mktemp("image") / "opt dir"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    packages = next(path.glob("lib/python3*/site-packages"))
    for name, text in {
        "pip/__main__.py": PIP,
        "yaml/__init__.py": "__version__ = 'old'\n",
        "PyYAML-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: PyYAML\nVersion: 0.1\n",
    }.items():
        (packages / name).parent.mkdir()
        (packages / name).write_text(text)
    return path


def in_image(
    directory: Path, *arguments: str | Path, path: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Call in_image.sh as a container would."""
    return subprocess.run(
        ["/bin/sh", IN_IMAGE, directory, *arguments],
        env={"PATH": path, "HOME": str(directory.parent), **environment},
        cwd=directory.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(directory: Path) -> set[str]:
    """Every file below a directory, except for byte code."""
    return {str(path) for path in directory.rglob("*") if "__pycache__" not in path.parts}


def test_a_run_in_any_image(host: Host, project: Project, image: Path) -> None:
    """Scripts get the image's packages, the plugin its own; nothing of the image changes; it is installed once."""
    project.script("look.py", SCRIPT)
    config = project.config("entries: [{name: look, script: look.py}, {name: ok, script: ok.py}]")
    before = contents(image)
    settings = {"STUB_IMAGES": "release:1", "STUB_PATH": f"{image}/bin:/usr/bin:/bin", "NVIDIA_API_KEY": "planted"}
    arguments = ("--image", "release:1", "--bench-config", str(config), "-n", "1")
    done = host.run("run.sh", *arguments, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(image) == before
    metrics = project.result("look")["script_metrics"]
    assert (metrics["yaml"], metrics["python"], metrics["others"]) == ("old", f"{image}/bin/python", [])
    assert "pyyaml==0.1\n" in (project.session_dir / "packages.txt").read_text()
    assert json.loads((project.session_dir / "env.json").read_text())["python_executable"] == f"{image}/bin/python"
    assert "planted" not in host.log.read_text()

    (installed,) = (host.home / ".cache/pytest-curator-bench/images").iterdir()
    assert (installed / "asked").read_text().endswith(" /opt/curator-bench-source")
    assert [path.name for path in (installed / "package").iterdir()] == ["pytest_curator_bench"]
    words = words_of(host.run("run.sh", "--dry-run", *arguments, **settings).stdout)
    assert f"type=bind,source={installed},target=/opt/curator-bench,readonly" in values(words, "--mount")
    assert "NVIDIA_API_KEY" in values(words, "--env")
    script = "/opt/pytest-curator-bench/benchmarks/tools/in_image.sh"
    assert words[words.index("--entrypoint") :][:2] == ["--entrypoint", "/bin/sh"]
    assert words[words.index("--") :] == [
        *("--", "release:1", script, "/opt/curator-bench", "-", "pytest"),
        *(f"--bench-config=/MOUNT{config}", "-n", "1"),
    ]
    assert sum(words[-1] == "/opt/curator-bench-source" for words in host.calls) == 1


def test_a_wheel_with_extras(image: Path, tmp_path: Path) -> None:
    """A wheel, or a directory of wheels without an index; another program than pytest sees the package, too."""
    wheel = tmp_path / "wheels" / "pytest_curator_bench-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    path = f"{image}/bin:/usr/bin:/bin"
    done = in_image(tmp_path / "a", f"{wheel}[slack]", path=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "a" / "asked").read_text().endswith(f" {wheel}[slack]")
    show = "import pytest_curator_bench, sys; print(pytest_curator_bench.__path__[0], sys.path[2])"
    done = in_image(
        *(tmp_path / "b", f"{wheel.parent}[slack]", "python", "-c", show), path=path, CURATOR_REPO_DIR="/opt/Curator"
    )
    assert done.stdout == f"{tmp_path}/b/package/pytest_curator_bench /opt/Curator\n", done.stderr
    asked = (tmp_path / "b" / "asked").read_text()
    assert asked.endswith(f" --no-index --find-links {wheel.parent} pytest-curator-bench[slack]")


def test_an_image_that_will_not_do(image: Path, tmp_path: Path) -> None:
    """One line says what is wrong; what was begun does not count as installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    old = programs / "python3"
    old.write_text("#!/bin/sh\necho 3.10\n")
    old.chmod(0o755)
    done = in_image(tmp_path / "a", REPO, path=str(programs))
    expected = "in_image.sh: this image has no Python 3.11 to 3.13 on its PATH (python3 is 3.10): take another image\n"
    assert (done.returncode, done.stderr) == (2, expected)
    for _ in range(2):
        done = in_image(tmp_path / "b", tmp_path / "gone", path=f"{image}/bin:{os.defpath}")
        assert done.returncode == 2
        assert done.stderr.startswith(f"in_image.sh: {tmp_path}/gone: there is no such wheel or directory\n")
