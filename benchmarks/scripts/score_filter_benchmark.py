# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
r"""Read JSON Lines, drop documents by heuristic filters, write Parquet: NeMo Curator's ScoreFilter.

Without ``--yaml-config``, five filters are applied whose outcome the manifest of the offline data states (it
was computed without NeMo Curator). With it, the stages of one of NeMo Curator's own pipeline files are::

    python benchmarks/scripts/score_filter_benchmark.py --benchmark-results-path /tmp/x --executor ray_data \
        --input-path benchmarks/data/documents --manifest benchmarks/data/manifest.json \
        --output-path /tmp/x/out
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_curator_bench.script import (
    Benchmark,
    count_documents,
    make_executor,
    ray_cluster,
    read_counts,
    total_bytes,
)


def input_files(path: Path, size_gb: float | None) -> list[str]:
    """The JSON Lines files of a directory, sorted; of these the first that make up the size."""
    files = sorted(str(file) for file in path.rglob("*") if file.suffix in {".jsonl", ".json"})
    if not files:
        raise SystemExit(f"There are no .jsonl files in {path}.")
    if size_gb is None:
        return files
    chosen: list[str] = []
    while files and total_bytes(chosen) < size_gb * 1e9:
        chosen.append(files.pop(0))
    return chosen


def filter_pipeline(files: list[str], output_path: Path) -> Any:
    """Reader, five heuristic filters in one stage, writer."""
    from nemo_curator.pipeline import Pipeline
    from nemo_curator.stages.text.filters import ScoreFilter
    from nemo_curator.stages.text.filters.heuristic import string
    from nemo_curator.stages.text.io.reader import JsonlReader
    from nemo_curator.stages.text.io.writer import ParquetWriter

    filters = ScoreFilter(
        filter_obj=[
            string.WordCountFilter(min_words=50, max_words=100_000),
            string.NonAlphaNumericFilter(max_non_alpha_numeric_to_text_ratio=0.25),
            string.NumbersFilter(max_number_to_text_ratio=0.15),
            string.MeanWordLengthFilter(min_mean_word_length=3, max_mean_word_length=10),
            string.CommonEnglishWordsFilter(min_num_common_words=2),
        ],
        text_field="text",
    )
    filters.name = "heuristic_filters"  # in place of a name that strings all five together
    reader = JsonlReader(file_paths=files, files_per_partition=1)
    writer = ParquetWriter(path=str(output_path))
    return Pipeline(name="score_filter", stages=[reader, filters, writer])


def pipeline_from_yaml(path: Path, files: list[str], output_path: Path) -> Any:
    """A pipeline in NeMo Curator's YAML form, with its input and output paths set."""
    from nemo_curator.config.run import create_pipeline_from_yaml
    from omegaconf import OmegaConf

    config = OmegaConf.load(path)
    config.input_path = files[0]
    config.output_path = str(output_path)
    pipeline = create_pipeline_from_yaml(config, log_config=False)
    # Set here, because Hydra makes a type of its own of lists, which the reader refuses.
    pipeline.stages[0].file_paths = files
    return pipeline


def documents_read(tasks: list[Any]) -> int:
    """Documents that the stage after the reader was given, by NeMo Curator's own statistics."""
    from nemo_curator.tasks.utils import TaskPerfUtils

    statistics = TaskPerfUtils.collect_stage_metrics(tasks)
    stages = list(statistics)
    after_reader = stages[stages.index("jsonl_reader") + 1]
    return int(statistics[after_reader]["num_items_processed"].sum())


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("Read, filter and write documents.", executor="ray_data")
    add = bench.parser.add_argument
    add("--input-path", type=Path, required=True, help="directory of JSON Lines files")
    add("--output-path", type=Path, required=True, help="directory for the kept documents")
    add("--dataset-size-gb", type=float, help="take only the first files, of this size (10**9 bytes)")
    add("--yaml-config", type=Path, help="pipeline file of NeMo Curator, in place of the five filters")
    add("--manifest", type=Path, help="manifest of the input, whose counts must come out")
    with bench:
        args = bench.args
        if args.manifest and args.dataset_size_gb:
            bench.parser.error("--manifest tells of the whole input: leave --dataset-size-gb out")
        expected = read_counts(args.manifest)
        files = input_files(args.input_path, args.dataset_size_gb)

        with ray_cluster(args.executor):
            if args.yaml_config:
                pipeline = pipeline_from_yaml(args.yaml_config, files, args.output_path)
            else:
                pipeline = filter_pipeline(files, args.output_path)
            executor = make_executor(args.executor)
            with bench.timed("time_taken_s") as watch:
                tasks = pipeline.run(executor)
        bench.add_tasks(tasks)

        num_read, num_bytes = documents_read(tasks), total_bytes(files)
        num_kept = count_documents(name for task in tasks for name in task.data)
        bench.metrics |= {
            "num_documents_processed": num_read,
            "num_kept_documents": num_kept,
            "num_input_bytes": num_bytes,
        }
        bench.add_throughput(watch.elapsed_s, documents=num_read, num_bytes=num_bytes)
        if expected:
            bench.check_count("documents read", num_read, expected["documents"])
        if expected and not args.yaml_config:
            bench.check_count("documents kept", num_kept, expected["kept_by_filters"])


if __name__ == "__main__":
    main()
