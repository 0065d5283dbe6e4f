# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""env.json and packages.txt as a whole: complete, plain, quick in its means, and without secrets."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from pytest_curator_bench.session.environment import capture_environment
from pytest_curator_bench.session.packages import installed_packages, packages_text

ROOT = Path(__file__).parents[3]


def install(directory: Path, name: str, version: str, direct_url: object = None) -> None:
    """What pip leaves of a distribution."""
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))


def test_the_machine_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part that the session promises, with values that can be checked."""
    for name in ("HOST_HOSTNAME", "IMAGE_DIGEST"):
        monkeypatch.delenv(name, raising=False)
    environment = capture_environment(ROOT, results_dir=tmp_path, reason="release")
    data = environment.data
    assert json.loads(json.dumps(data)) == data
    assert data["hostname"] == socket.gethostname()
    assert data["reason"] == "release"
    assert data["image_digest"] is None
    assert data["kernel"] == platform.release()
    assert data["versions"]["python"] == platform.python_version()
    assert data["versions"]["pytest"] == pytest.__version__
    assert data["cpu"]["logical_count"] == os.cpu_count()
    assert data["memory"]["effective_bytes"] <= data["memory"]["total_bytes"]
    assert data["shared_memory"]["path"] == "/dev/shm"
    assert data["results_disk"]["path"] == str(tmp_path)
    assert isinstance(data["in_container"], bool)
    assert set(data) >= {"os", "platform", "gpus", "gpu_driver_version", "cuda_toolkit_version", "git"}
    assert f"pytest=={pytest.__version__}\n" in environment.packages


def test_what_a_container_is_told_from_outside_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's name, the image's digest, and the toolkit of NVIDIA's images."""
    monkeypatch.setenv("HOST_HOSTNAME", "dgx-07")
    monkeypatch.setenv("IMAGE_DIGEST", "sha256:abc")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    (tmp_path / "version.json").write_text('{"cuda": {"name": "CUDA SDK", "version": "13.0.1"}}')
    data = capture_environment(ROOT).data
    assert (data["hostname"], data["image_digest"], data["cuda_toolkit_version"]) == (
        "dgx-07",
        "sha256:abc",
        "13.0.1",
    )
    assert data["results_disk"] is None


def test_no_variable_of_the_environment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens live there."""
    monkeypatch.setenv("SOME_TOKEN", "planted-s3cret-value")
    environment = capture_environment(ROOT, results_dir=tmp_path)
    assert "planted-s3cret-value" not in json.dumps(environment.data) + environment.packages


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Versions come from metadata: what is measured isn't loaded into the harness."""
    code = (
        "import sys; from pathlib import Path\n"
        "from pytest_curator_bench.session.environment import capture_environment\n"
        "capture_environment(Path(sys.argv[1]))\n"
        "print(sorted({'ray', 'torch', 'nemo_curator', 'numpy', 'psutil', 'pytest'} & set(sys.modules)))"
    )
    output = subprocess.check_output(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True
    )
    assert output.strip() == "[]"


def test_every_installed_distribution_is_listed() -> None:
    """The same as importlib.metadata finds by parsing each distribution's file."""
    expected: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        expected.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution.version)
    assert {name: package.version for name, package in installed_packages().items()} == expected


def test_packages_are_pinned_sorted_and_tell_where_they_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials in a URL go, commits stay, and the first of two on the path counts."""
    first, second = tmp_path / "first", tmp_path / "second"
    install(first, "zeta", "1.0")
    install(first, "Alpha.Beta", "2.0", {"url": "file:///src/alpha", "dir_info": {"editable": True}})
    install(second, "alpha-beta", "1.9")
    install(
        second,
        "gamma",
        "3.0",
        {"url": "https://me:t0ken@host/gamma.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
    )
    install(second, "delta", "4.0", {"url": "https://host/delta-4.0.whl", "archive_info": {}})
    install(second, "broken", "5.0", ["no mapping"])
    (second / "old_style-6.0-py3.11.egg-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(first), str(second)])
    assert packages_text(installed_packages().values()).splitlines() == [
        "alpha-beta==2.0  # editable file:///src/alpha",
        "broken==5.0",
        "delta==4.0  # https://host/delta-4.0.whl",
        "gamma==3.0  # git+https://***@host/gamma.git@c0ffee",
        "old-style==6.0",
        "zeta==1.0",
    ]


def test_a_curator_from_source_tells_its_commit(tmp_path: Path) -> None:
    """In a process of its own, whose path begins with a checkout."""
    package = tmp_path / "Curator" / "nemo_curator"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    git = ["git", "-C", str(tmp_path / "Curator"), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q", "-b", "dev"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    code = (
        "import json; from pathlib import Path\n"
        "from pytest_curator_bench.session.environment import capture_environment\n"
        "print(json.dumps(capture_environment(Path('/')).data))"
    )
    path = os.pathsep.join([str(tmp_path / "Curator"), str(ROOT)])
    output = subprocess.check_output(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, cwd="/", text=True
    )
    data = json.loads(output)
    assert data["git"] is None
    assert data["nemo_curator_git"] == {
        "commit": commit,
        "branch": "dev",
        "dirty": False,
        "untracked_count": 0,
        "source": "checkout",
    }


@pytest.mark.parametrize(
    ("version", "direct_url", "expected"),
    [
        ("1.4.0", {"vcs_info": {"vcs": "git", "commit_id": "c0ffee1"}}, ("c0ffee1", "repository")),
        ("1.4.1.dev3+g7be1f02", None, ("7be1f02", "version")),
        ("1.4.1.dev3+g7be1f02.d20261101", {"archive_info": {}}, ("7be1f02", "version")),
        ("1.4.0", None, ("from-the-user", "CURATOR_COMMIT")),
    ],
)
def test_a_curator_without_a_checkout_tells_its_commit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    direct_url: dict[str, Any] | None,
    expected: tuple[str, str],
) -> None:
    """From what pip noted, from its version, or from the user."""
    monkeypatch.setenv("CURATOR_COMMIT", "from-the-user")
    url = {"url": "https://host/Curator", **direct_url} if direct_url is not None else None
    install(tmp_path, "nemo-curator", version, url)
    monkeypatch.syspath_prepend(tmp_path)
    found = capture_environment(tmp_path).data["nemo_curator_git"]
    assert (found["commit"], found["source"]) == expected


def test_a_curator_that_was_installed_from_a_checkout_tells_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory's, which may have a blank in its name; and nothing where nothing is known."""
    checkout = tmp_path / "my Curator"
    checkout.mkdir()
    monkeypatch.delenv("CURATOR_COMMIT", raising=False)
    install(tmp_path / "site", "nemo-curator", "1.4.0", {"url": checkout.as_uri(), "dir_info": {}})
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert capture_environment(tmp_path).data["nemo_curator_git"] is None
    git = ["git", "-C", str(checkout), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q", "-b", "dev"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    found = capture_environment(tmp_path).data["nemo_curator_git"]
    assert (len(found["commit"]), found["branch"], found["source"]) == (40, "dev", "directory")
