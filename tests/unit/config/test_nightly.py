# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""NeMo Curator's own nightly configuration, unchanged."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pytest_curator_bench.config import BenchConfig, load_config
from tests.support.config import MATRIX, NIGHTLY
from tests.support.nightly_commands import COMMANDS, DATA, WEIGHTS, S

if TYPE_CHECKING:
    from pytest_curator_bench.config import Entry

ENVIRON = {
    "SLACK_CHANNEL_ID": "C0123456789",
    "CURATOR_REPO_DIR": "/opt/Curator",
    "CURATOR_BENCH_IN_CONTAINER": "0",
}


@pytest.fixture(scope="module")
def config() -> BenchConfig:
    """Both files, on a host, with Slack configured."""
    return load_config(NIGHTLY, environ=ENVIRON, strict=True, root_dir=Path("/project"))


def test_entries(config: BenchConfig) -> None:
    """All 51 but the three that are disabled, in the order of the file, each at its own line."""
    lines = NIGHTLY[0].read_text().splitlines()
    written = yaml.safe_load(NIGHTLY[0].read_text())["entries"]
    assert len(config.entries) == 48
    assert [entry.name for entry in config.entries] == [entry["name"] for entry in written if entry["enabled"]]
    for entry in config.entries:
        assert lines[entry.line - 1] == f"  - name: {entry.name}"


@pytest.mark.parametrize("name", COMMANDS)
def test_commands(config: BenchConfig, name: str) -> None:
    """Argument for argument what the rules say."""
    (entry,) = (entry for entry in config.entries if entry.name == name)
    command = config.command_values(entry, session_entry_dir=Path(S), scratch_dir=Path("/scratch"))
    assert list(command.args) == COMMANDS[name]
    assert (command.env, command.unresolved) == ({}, ())
    assert command.script == (
        NIGHTLY[0].parent / "scripts" / entry.script,
        Path("/project/benchmarks/scripts") / entry.script,
    )


def test_data_setups(config: BenchConfig) -> None:
    """Both setups, their commands, and where their scripts are looked for."""
    fleurs, tagging = config.data_setups
    command = config.command_values(tagging, session_entry_dir=Path(S), scratch_dir=Path("/scratch"))
    assert command.args == (
        "--output-path",
        f"{DATA}/audio_tagging_ami_sdm",
        "--cache-dir",
        f"{DATA}/_hf_cache/audio_tagging",
        "--model-output-path",
        f"{WEIGHTS}/audio_tagging/pyannote-speaker-diarization-community-1",
    )
    assert (fleurs.name, fleurs.line, fleurs.timeout_s) == ("fleurs_hy_am", 8, 7200)
    assert (fleurs.script_dirs[0], fleurs.script) == (NIGHTLY[1].parent / "data_prep", "prepare_fleurs_data.py")
    # No entry says which it needs.
    assert {entry.data_setups for entry in config.entries} == {("fleurs_hy_am", "audio_tagging_ami_sdm")}


def test_every_requirement_and_sink_datum_is_there(config: BenchConfig) -> None:
    """Nothing of the file is lost on the way."""
    written = [entry for entry in yaml.safe_load(NIGHTLY[0].read_text())["entries"] if entry["enabled"]]
    for entry, source in zip(config.entries, written, strict=True):
        assert [r.model_dump(exclude_none=True) for r in entry.requirements] == source.get("requirements", [])
        assert [{"name": name, **settings} for name, settings in entry.sink_data.items()] == source["sink_data"]


def test_settings(config: BenchConfig) -> None:
    """Limits, Ray, memory, paths and sinks, inherited where the file says so."""
    entries = {entry.name: entry for entry in config.entries}
    assert (config.default_timeout_s, config.max_timeout_s) == (7200, 14340)
    assert (config.cleanup_timeout_s, config.telemetry_interval_s) == (60, 1)
    assert config.results_dir == Path("/path/where/results/are/stored")
    assert config.artifacts_dir == Path("/path/where/results/are/stored/artifacts")
    assert (entries["exact_dedup_identification"].timeout_s, entries["audio_fleurs_raydata"].timeout_s) == (1200, 7200)

    def ray(name: str) -> tuple[object, ...]:
        settings = entries[name].ray
        assert settings is not None
        return settings.num_cpus, settings.num_gpus, settings.enable_object_spilling

    assert ray("exact_dedup_identification") == (128, 8, False)
    assert ray("alm_pipeline_xenna") == (8, 0, False)
    assert ray("math_preprocess_xenna") == (128, 0, False)
    for entry in config.entries:
        assert entry.object_store_size == 536870912000
        assert entry.gpu_mem_use_warning_threshold == 0.01
        assert entry.delete_scratch
    (slack,) = config.sinks
    assert slack.settings["channel_id"] == "C0123456789"
    assert slack.settings["default_metrics"] == ["exec_time_s"]
    assert config.secrets == {"C0123456789"}
    assert config.secret_variables == {"SLACK_CHANNEL_ID"}


def test_in_a_container() -> None:
    """The same files inside: explicit container paths, and /MOUNT for the one that has none."""
    environ = ENVIRON | {"CURATOR_BENCH_IN_CONTAINER": "1"}
    config = load_config(NIGHTLY, environ=environ, strict=False, root_dir=Path("/project"))
    assert config.results_dir == Path("/MOUNT/path/where/results/are/stored")
    assert config.datasets["tinystories", "jsonl"] == Path("/datasets/tinystories/jsonl_data")
    assert config.datasets["fasttext_langid_model", "ftz"] == Path("/model_weights/fasttext/lid.176.ftz")


def test_without_slack() -> None:
    """A machine without the variable runs the benchmarks all the same, with a warning."""
    config = load_config(NIGHTLY, environ={}, strict=False, root_dir=Path("/project"), display=lambda file: file.name)
    assert len(config.entries) == 48
    assert config.sinks == ()
    assert config.warnings[-1] == (
        "nightly-benchmark.yaml:162: the sink slack is switched off: "
        "the environment variable SLACK_CHANNEL_ID is not defined, or empty"
    )


def test_a_small_paths_file_on_top(tmp_path: Path) -> None:
    """One's own machine in five lines, as the guide has it."""
    over = tmp_path / "paths.yaml"
    over.write_text(
        "results_dir: out\n"
        "paths: [{name: datasets_path, host_path: /mnt/data}]\n"
        "sinks: [{name: slack, enabled: false}]\n"
    )
    config = load_config([*NIGHTLY, over], environ={}, strict=True, root_dir=Path("/project"))
    assert config.results_dir == tmp_path / "out"
    assert config.datasets["mscoco", "wds"] == Path("/mnt/data/mscoco/wds/truncated_100K_mscoco_benchmarking")
    assert len(config.entries) == 48


# Where an entry's new name is not simply its old one with the executor in brackets.
RENAMED = {
    "minhash_file_group_task_ray_actors": "minhash[FileGroupTask-ray_actors]",
    "minhash_document_batch_xenna": "minhash[DocumentBatch-xenna]",
    "minhash_document_batch_ray_data": "minhash[DocumentBatch-ray_data]",
    "semdedup_identification_xenna_dataset_size_ratio": "semdedup_identification_xenna[dataset-size-ratio]",
    "semdedup_identification_xenna_fit_data_fraction": "semdedup_identification_xenna[fit-data-fraction]",
    "ndd_dynamo_dp8": "ndd_dp8[dynamo]",
    "ndd_ray_serve_dp8": "ndd_dp8[ray-serve]",
    "audio_tagging_tts_xenna": "audio_tagging_tts_xenna[1]",
    "audio_tagging_tts_xenna_repeat": "audio_tagging_tts_xenna[8]",
    "interleaved_filter_raydata_materialize": "interleaved_filter_materialize[ray_data]",
    "interleaved_filter_xenna_materialize": "interleaved_filter_materialize[xenna]",
    # said once for both executors
    "audio_sortformer_xenna": "audio_sortformer_xenna",
    "exact_dedup_identification": "exact_dedup_identification",
    "fuzzy_dedup_identification": "fuzzy_dedup_identification",
    # switched off
    "minhash_file_group_task_xenna": "minhash_switched_off[FileGroupTask-xenna]",
    "minhash_file_group_task_ray_data": "minhash_switched_off[FileGroupTask-ray_data]",
    "minhash_document_batch_ray_data_num_workers_8": "minhash_num_workers_8[DocumentBatch-ray_data]",
}
EXECUTORS = {"_raydata": "[ray_data]", "_ray_data": "[ray_data]", "_xenna": "[xenna]"}


def renamed(name: str) -> str:
    """What an entry of the nightly file is called in the rewritten one."""
    if name in RENAMED:
        return RENAMED[name]
    (suffix,) = (suffix for suffix in EXECUTORS if name.endswith(suffix))
    return name.removesuffix(suffix) + EXECUTORS[suffix]


def told(config: BenchConfig, entry: Entry) -> dict[str, Any]:
    """Everything that makes an entry what it is, but its name, its place, and its combination."""
    facts = {
        field.name: getattr(entry, field.name)
        for field in dataclasses.fields(entry)
        if field.name not in {"name", "file", "line", "matrix", "script_dirs"}
    }
    command = config.command_values(entry, session_entry_dir=Path(S), scratch_dir=Path("/scratch"))
    return facts | {"command": (command.args, command.env, command.script[-1], command.unresolved)}


@pytest.mark.parametrize("switched_on", [False, True], ids=["enabled", "disabled-ones-too"])
def test_rewritten_with_matrices(tmp_path: Path, switched_on: bool) -> None:
    """The same entries in the same order: commands, limits, requirements, sink data, Ray, everything."""
    old_over, new_over = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old_names = ["minhash_file_group_task_xenna", "minhash_file_group_task_ray_data"]
    old_names.append("minhash_document_batch_ray_data_num_workers_8")
    new_names = ["minhash_switched_off", "minhash_num_workers_8"]
    for over, names in ((old_over, old_names), (new_over, new_names)):
        entries = [{"name": name, "enabled": switched_on} for name in names]
        over.write_text(yaml.safe_dump({"entries": entries}))
    old = load_config([NIGHTLY[0], old_over], environ=ENVIRON, strict=True, root_dir=Path("/project"))
    new = load_config([MATRIX, new_over], environ=ENVIRON, strict=True, root_dir=Path("/project"))
    assert len(old.entries) == len(new.entries) == (51 if switched_on else 48)
    if not switched_on:
        assert [renamed(entry.name) for entry in old.entries] == [entry.name for entry in new.entries]
    by_name = {entry.name: entry for entry in new.entries}
    assert len(by_name) == len(new.entries)
    for entry in old.entries:
        assert told(new, by_name[renamed(entry.name)]) == told(old, entry), entry.name
    for field in dataclasses.fields(old):
        # Placeholders hold the files' own directories; what they come to is compared.
        if field.name not in {"files", "entries", "placeholders", "merged_json", "warnings"}:
            assert getattr(new, field.name) == getattr(old, field.name), field.name


def test_the_rewritten_file_is_shorter() -> None:
    """At most 60 per cent, in lines and in bytes, and not for lack of comments: five are put in other words."""
    old, new = NIGHTLY[0].read_bytes(), MATRIX.read_bytes()
    assert new.count(b"\n") <= 0.6 * old.count(b"\n")
    assert len(new) <= 0.6 * len(old)
    comments = [{line.strip() for line in text.splitlines() if line.strip().startswith(b"#")} for text in (old, new)]
    assert len(comments[0] - comments[1]) == 5
