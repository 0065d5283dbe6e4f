# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What is written in the docs by a program is what the program writes today."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from pytest_curator_bench.cli import _COMMANDS
from pytest_curator_bench.config import load_config
from pytest_curator_bench.config.schema_models import Requirement
from pytest_curator_bench.results.record import EntryResult
from pytest_curator_bench.results.requirements import judge
from pytest_curator_bench.results.tasks.aggregate import summarize
from pytest_curator_bench.telemetry.gpus import NIGHTLY_COLUMNS, Gpus
from pytest_curator_bench.telemetry.machine import MachineActivity
from pytest_curator_bench.telemetry.process_tree import ObjectStore, ProcessTree
from pytest_curator_bench.telemetry.sampler import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS = Path(__file__).parents[3] / "docs"


def test_generated_docs_are_up_to_date() -> None:
    """docs/schema.json, configuration.md, results.md and terminal.md are what docs/generate.py writes."""
    generate = runpy.run_path(str(DOCS / "generate.py"))
    assert (DOCS / "schema.json").read_text(encoding="utf-8") == generate["schema_text"]()
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == generate["configuration_text"]()
    assert (DOCS / "terminal.md").read_text(encoding="utf-8") == generate["terminal_text"]()
    assert (DOCS / "watching.md").read_text(encoding="utf-8") == generate["watching_text"]()
    assert (DOCS / "results.md").read_text(encoding="utf-8") == generate["results_text"]()


def snippets() -> list[tuple[str, str]]:
    """Every block of YAML in the documentation, with the file and line that it stands at."""
    found = []
    for file in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
        text = file.read_text(encoding="utf-8")
        for block in re.finditer(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{file.name}:{line}", block[1]))
    return found


# Snippets say only what they are about: this is what they leave out.
AROUND = """
results_dir: results
paths: [{name: datasets_path, host_path: d}, {name: model_weights_path, host_path: w}]
datasets: [{name: hamlet, formats: [{type: text, path: h}]}]
entries: [{name: around, script: s.py}, {name: dedup_removal, script: s.py}, {name: count_words, script: s.py}]
"""


@pytest.mark.parametrize("snippet", snippets(), ids=lambda snippet: snippet[0])
def test_snippets_are_configurations(tmp_path: Path, snippet: tuple[str, str]) -> None:
    """Every YAML example can be loaded as it stands."""
    files = [tmp_path / "around.yaml", tmp_path / "snippet.yaml"]
    for file, text in zip(files, (AROUND, snippet[1]), strict=True):
        file.write_text(text, encoding="utf-8")
    assert load_config(files, environ={}, strict=False, root_dir=tmp_path).entries


def test_the_matrix_of_the_documentation(tmp_path: Path) -> None:
    """What the text says of its examples: names, limits, arguments, and what a later file changes."""
    texts = [text for place, text in snippets() if place.startswith("configuration.md") and "matrix" in text]
    minhash, removal, later, _shared = texts
    files = [tmp_path / f"{number}.yaml" for number in range(4)]
    for file, text in zip(files, (AROUND, minhash, removal, later), strict=True):
        file.write_text(text, encoding="utf-8")

    def entries(*numbers: int) -> list[tuple[str, float]]:
        found = load_config([files[number] for number in numbers], environ={}, strict=False, root_dir=tmp_path).entries
        return [(entry.name, entry.timeout_s) for entry in found if entry.matrix]

    names = ["ray_data-1", "ray_data-15", "xenna-15", "ray_actors-15"]
    assert entries(0, 1) == list(zip((f"minhash[{name}]" for name in names), (600, 3600, 3600, 1800), strict=True))
    assert entries(0, 2) == [("dedup_removal[ray_data]", 1800), ("dedup_removal[xenna]", 2400)]
    assert entries(0, 2, 3) == [("dedup_removal[xenna]", 3600)]


def test_the_metrics_of_the_documentation() -> None:
    """Each metric of the first example is found where the comment beside it says."""
    text = next(text for place, text in snippets() if place.startswith("requirements.md"))
    requirements = [Requirement(**item) for item in yaml.safe_load(text)["entries"][0]["requirements"]]
    tasks = [{"stage_perf": [{"stage_name": "reader", "process_time": 1.5}]}]
    result = EntryResult(
        name="e",
        session_name="s",
        status="passed",
        timeout_s=9,
        nodeid="f::e",
        entry_dir="/x",
        stdouterr_file="/x/log",
        exec_time_s=1.0,
        script_metrics={
            "throughput_docs_per_sec": 5000,
            "num_documents": 19071,
            "dedup": {"false_positives": 0},
        },
        task_metrics=summarize(tasks, 100)["aggregate"],
        resources={"max_rss_bytes": 10**9},
    )
    assert [record["metric"] for record in judge(requirements, [result]) if not record["met"]] == []


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("telemetry.csv", [*Clock.columns, *ProcessTree.columns, *ObjectStore.columns, *MachineActivity.columns]),
        ("gpustats.csv", Gpus.columns),
    ],
)
def test_columns_of_the_documentation(heading: str, columns: Sequence[str]) -> None:
    """The table of each file lists its columns, in their order."""
    text = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", "".join(rows)) == list(columns)


def test_numbers_of_gpu_columns_in_the_documentation() -> None:
    """So many are NeMo Curator's own, and so many are additional."""
    text = (DOCS / "telemetry.md").read_text(encoding="utf-8")
    numbers = re.search(r"The first (\d+) columns have .*? The other (\d+) are additional", text, re.DOTALL)
    assert numbers is not None
    own = len(NIGHTLY_COLUMNS)
    assert tuple(map(int, numbers.groups())) == (own, len(Gpus.columns) - own)


def test_links_of_pages_outside_of_the_site() -> None:
    """README and CONTRIBUTING point to files, and headings in them, that are there; MkDocs checks the others."""
    links = []
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (DOCS.parent / page).read_text(encoding="utf-8")
        links += [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")]
    assert len(links) > 15
    for link in links:
        file, _, anchor = link.partition("#")
        target = (DOCS.parent / file).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)$", target, re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in headings}, (
            link
        )


def documentation() -> str:
    """All pages, as one text."""
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def test_every_option_is_documented(pytester: pytest.Pytester) -> None:
    """What --help names stands in the pages, and the other way round."""
    helped = pytester.runpytest_subprocess("--help").stdout.str()
    options = set(re.findall(r"--bench-[a-z-]+", helped))
    named = {option.rstrip("-") for option in re.findall(r"--bench-[a-z-]+", documentation())}
    assert len(options) > 10
    assert (options - named, named - options) == (set(), {"--bench"} & named)


def test_every_command_is_documented() -> None:
    """The same for curator-bench: its commands, and their options."""
    text = documentation()
    for words in ([], *([name] for name in _COMMANDS)):
        command = [sys.executable, "-m", "pytest_curator_bench", *words, "--help"]
        helped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        options = set(re.findall(r"--[a-z-]+", helped)) - {"--help"}
        assert [option for option in options if option not in text] == []
        assert f"curator-bench {' '.join(words)}".strip() in text
    named = set(re.findall(r"curator-bench (\w[\w-]*)", text)) - {"results", "shard"}
    assert named <= set(_COMMANDS)


def test_promises_name_tests_that_exist() -> None:
    """Each test that docs/reliability.md names for a promise is there."""
    named = re.findall(r"`(\w+/\S+\.py)(?:::(\w+))?`", (DOCS / "reliability.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for file, test in named:
        assert f"def {test}" in (DOCS.parent / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"
