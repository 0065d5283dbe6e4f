# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""NeMo Curator's nightly configuration, unchanged, with a small paths file: collected, shown, validated."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.config import NIGHTLY
from tests.support.nightly_commands import COMMANDS, DATA, WEIGHTS, S

if TYPE_CHECKING:
    from pathlib import Path

HELPFUL_SCRIPT = "import argparse\nargparse.ArgumentParser(description='A stand-in.').parse_args()\n"


class Nightly:
    """A project with copies of both files, and a file of paths.

    Attributes:
        root: its directory.
        files: the names of the files, in order.
        data_dir: where datasets are.
        weights_dir: where model weights are.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data_dir, self.weights_dir = root / "my data", root / "weights"
        for file in NIGHTLY:
            shutil.copy(file, root)
        (root / "paths.yaml").write_text(
            "results_dir: results\n"
            "sinks: [{name: slack, enabled: false}]\n"
            "paths: [{name: datasets_path, host_path: my data}, {name: model_weights_path, host_path: weights}]\n"
        )
        self.files = [*(file.name for file in NIGHTLY), "paths.yaml"]

    def options(self) -> list[str]:
        """For pytest."""
        return [word for file in self.files for word in ("--bench-config", file)]

    def validate(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a user does."""
        command = [sys.executable, "-m", "pytest_curator_bench", "validate", *self.files, *options]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)

    def make_scripts(self) -> None:
        """A script of each name that the files mention, which knows --help."""
        for file, directory, section in zip(NIGHTLY, ("scripts", "data_prep"), ("entries", "data_setups"), strict=True):
            (self.root / directory).mkdir()
            for item in yaml.safe_load(file.read_text())[section]:
                (self.root / directory / item["script"]).write_text(HELPFUL_SCRIPT)

    def make_datasets(self) -> None:
        """Every path that the file gives to a dataset."""
        for dataset in yaml.safe_load(NIGHTLY[0].read_text())["datasets"]:
            for form in dataset["formats"]:
                path = form["path"].format(datasets_path=self.data_dir, model_weights_path=self.weights_dir)
                (self.root / path).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def nightly(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Nightly:
    """The nightly configuration on this machine, which has neither its scripts nor its data."""
    monkeypatch.setenv("CURATOR_REPO_DIR", "/opt/Curator")
    monkeypatch.setenv("CURATOR_BENCH_IN_CONTAINER", "0")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return Nightly(pytester.path)


def test_collected(nightly: Nightly, pytester: pytest.Pytester) -> None:
    """An item for each of the 48 enabled entries, in the order of the file."""
    done = pytester.runpytest_inprocess(".", *nightly.options(), "--collect-only", "-q")
    names = [line.partition("::")[2] for line in done.outlines if "::" in line]
    written = yaml.safe_load(NIGHTLY[0].read_text())["entries"]
    assert names == [entry["name"] for entry in written if entry["enabled"]]
    assert len(names) == 48


def test_dry_run_shows_the_old_runners_commands(nightly: Nightly, pytester: pytest.Pytester) -> None:
    """Argument for argument, for entries of a dozen kinds; the results directory is not passed twice."""
    done = pytester.runpytest_inprocess(".", *nightly.options(), "--bench-dry-run")
    assert done.ret == 0
    lines = done.outlines
    for name, arguments in COMMANDS.items():
        shown = lines[lines.index(name) + 1].removeprefix("  command: ")
        python, script, *words = shlex.split(shown.partition(" && ")[2])
        entry_dir = f"{tempfile.gettempdir()}/curator-bench-{os.getuid()}/{name}"
        places = {S: entry_dir, DATA: str(nightly.data_dir), WEIGHTS: str(nightly.weights_dir)}
        expected = arguments
        for old, new in places.items():
            expected = [word.replace(old, new) for word in expected]
        assert (python, words) == (sys.executable, expected)
        assert script.startswith(f"{nightly.root}/scripts/")
    assert not (nightly.root / "results").exists()


def test_validated(nightly: Nightly) -> None:
    """Nothing is wrong where scripts and data are there; each thing that goes is named."""
    nightly.make_scripts()
    nightly.make_datasets()
    done = nightly.validate()
    assert (done.returncode, done.stderr) == (0, "")
    *_, last = done.stdout.splitlines()
    assert last.startswith("48 entries and 2 data setups: 0 errors")
    (nightly.root / "scripts" / "ndd_benchmark.py").unlink()
    (nightly.root / "scripts" / "modifier_benchmark.py").write_text("import a_module_that_is_not_there\n")
    (nightly.data_dir / "sample4k").rmdir()
    done = nightly.validate()
    assert done.returncode == 1
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert len([line for line in errors if "ndd_benchmark.py not found" in line]) == 2
    missing = "--help: exit status 1: ModuleNotFoundError: No module named 'a_module_that_is_not_there'"
    assert len([line for line in errors if missing in line]) == 2
    assert len([line for line in errors if "dataset videos,mp4 is not there" in line]) == 8
    assert len(errors) == 12
    assert nightly.validate("--no-datasets", "--no-scripts").returncode == 0
