# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
r"""Remove known duplicates from a dataset: NeMo Curator's TextDuplicatesRemovalWorkflow.

Which documents are duplicates is given as a list of ids, in Parquet (as NeMo Curator's own identification
writes it) or in JSON Lines, which is converted before the clock starts::

    python benchmarks/scripts/removal_benchmark.py --benchmark-results-path /tmp/x --executor ray_data \
        --input-path benchmarks/data/documents --manifest benchmarks/data/manifest.json \
        --ids-to-remove-path benchmarks/data/duplicates/ids_to_remove.jsonl --output-path /tmp/x/out
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.script import (
    Benchmark,
    count_documents,
    make_executor,
    ray_cluster,
    read_counts,
    total_bytes,
)

if TYPE_CHECKING:
    import argparse


def input_files(path: Path, filetype: str) -> list[Path]:
    """The files of the given type in a directory."""
    files = sorted(path.rglob(f"*.{filetype}"))
    if not files:
        raise SystemExit(f"There are no .{filetype} files in {path}.")
    return files


def ids_as_parquet(path: Path, work_dir: Path) -> Path:
    """The list of ids in the only format that the workflow reads."""
    if path.suffix != ".jsonl":
        return path
    import pyarrow.json
    import pyarrow.parquet

    work_dir.mkdir(parents=True, exist_ok=True)
    converted = work_dir / f"{path.stem}.parquet"
    pyarrow.parquet.write_table(pyarrow.json.read_json(path), converted)
    return converted


def removal_workflow(args: argparse.Namespace, ids: Path) -> Any:
    """The workflow that the arguments ask for."""
    from nemo_curator.stages.text.deduplication.removal_workflow import TextDuplicatesRemovalWorkflow

    return TextDuplicatesRemovalWorkflow(
        input_path=str(args.input_path),
        ids_to_remove_path=str(ids),
        output_path=str(args.output_path),
        input_filetype=args.input_filetype,
        output_filetype=args.output_filetype,
        id_field=args.id_field,
        duplicate_id_field=args.duplicate_id_field,
        id_generator_path=str(args.id_generator_path) if args.id_generator_path else None,
        input_files_per_partition=None if args.blocksize else args.files_per_partition or 1,
        input_blocksize=args.blocksize,
    )


def documents_read(result: Any) -> int:
    """Documents that the removal was given, by NeMo Curator's own statistics."""
    from nemo_curator.tasks.utils import TaskPerfUtils

    return int(TaskPerfUtils.get_aggregated_stage_stat(result, "DuplicatesRemovalStage", "num_items_processed"))


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("Remove known duplicates from a dataset.", executor="ray_data")
    add = bench.parser.add_argument
    add("--input-path", type=Path, required=True, help="directory of the dataset")
    add("--ids-to-remove-path", type=Path, required=True, help="ids of the duplicates, Parquet or JSON Lines")
    add("--output-path", type=Path, required=True, help="directory for the documents that stay")
    add("--input-filetype", choices=["jsonl", "parquet"], default="jsonl")
    add("--output-filetype", choices=["jsonl", "parquet"], default="parquet")
    add("--id-field", default="id", help="name of the documents' ids (default: %(default)s)")
    add("--duplicate-id-field", default="id", help="their name in the list (default: %(default)s)")
    add("--id-generator-path", type=Path, help="id generator's state, where the documents carry no ids")
    size = bench.parser.add_mutually_exclusive_group()
    size.add_argument("--files-per-partition", type=int, help="files in a task (default: 1)")
    size.add_argument("--blocksize", help="size of a task's files, as 512MiB, in place of their number")
    add("--manifest", type=Path, help="manifest of the input, whose counts must come out")
    with bench:
        args = bench.args
        expected = read_counts(args.manifest)
        num_bytes = total_bytes(input_files(args.input_path, args.input_filetype))
        with bench.task("ids_as_parquet"):
            ids = ids_as_parquet(args.ids_to_remove_path, args.output_path.with_name("removal_ids"))

        with ray_cluster(args.executor):
            workflow = removal_workflow(args, ids)
            executor = make_executor(args.executor)
            with bench.timed("time_taken_s") as watch:
                result = workflow.run(executor)
        bench.add_tasks(result)

        num_read = documents_read(result)
        tasks = result.pipeline_tasks["removal"]
        num_kept = count_documents(name for task in tasks for name in task.data)
        bench.metrics |= {
            "num_documents_processed": num_read,
            "num_kept_documents": num_kept,
            "num_duplicates_removed": num_read - num_kept,
            # The workflow's own number counts, per task, the listed ids between its least and greatest one:
            # too many wherever ids don't rise from file to file. Kept to compare, not to rely on.
            "num_duplicates_removed_by_workflow": result.metadata["num_duplicates_removed"],
            "num_input_bytes": num_bytes,
        }
        bench.add_throughput(watch.elapsed_s, documents=num_read, num_bytes=num_bytes)
        if expected:
            bench.check_count("documents read", num_read, expected["documents"])
            bench.check_count("duplicates removed", num_read - num_kept, expected["duplicates"])


if __name__ == "__main__":
    main()
