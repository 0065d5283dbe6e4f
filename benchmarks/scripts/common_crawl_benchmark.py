# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
r"""Extract text from Common Crawl: NeMo Curator's WARC iterator and HTML extractor, then a writer.

From WARC files that are there::

    python benchmarks/scripts/common_crawl_benchmark.py --benchmark-results-path /tmp/x --executor ray_data \
        --warc-path benchmarks/data/warc --manifest benchmarks/data/manifest.json --output-path /tmp/x/out

or from the network, where it downloads them first::

    python benchmarks/scripts/common_crawl_benchmark.py --benchmark-results-path /tmp/x \
        --start-snapshot 2023-01 --end-snapshot 2023-10 --url-limit 5 --html-extraction resiliparse \
        --download-path /tmp/x/warc --output-path /tmp/x/out

Options are also understood with underscores (``--url_limit``), as NeMo Curator's own script spells them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_curator_bench.script import (
    Benchmark,
    CheckFailedError,
    count_documents,
    make_executor,
    ray_cluster,
    read_counts,
    total_bytes,
)

if TYPE_CHECKING:
    import argparse

ALGORITHMS = ("resiliparse", "trafilatura", "justext")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The script's own arguments."""
    add = parser.add_argument
    add("--warc-path", "--warc_path", type=Path, help="directory of WARC files to read instead of the network")
    add("--download-path", "--download_path", type=Path, help="where downloaded WARC files go")
    add("--output-path", "--output_path", type=Path, required=True, help="directory for the documents")
    add("--output-format", "--output_format", choices=["parquet", "jsonl"], default="parquet")
    add("--html-extraction", "--html_extraction", choices=ALGORITHMS, default="justext")
    add("--record-limit", "--record_limit", type=int, help="documents taken of each WARC file")
    add("--add-filename-column", "--add_filename_column", action="store_true")
    add("--manifest", type=Path, help="manifest of the WARC files, whose counts must come out")
    network = parser.add_argument_group("network", "with --download-path")
    add = network.add_argument
    add("--crawl-type", "--crawl_type", choices=["main", "news"], default="main")
    add("--start-snapshot", "--start_snapshot", default="2023-01", help="YYYY-WW, for news YYYY-MM")
    add("--end-snapshot", "--end_snapshot", default="2023-10", help="the last one, the same way")
    add("--url-limit", "--url_limit", type=int, default=5, help="WARC files taken (default: %(default)s)")
    add("--use-aws-to-download", "--use_aws_to_download", "--aws", action="store_true", help="s5cmd, not wget")
    add("--data-prefix", "--data_prefix", help="mirror of https://data.commoncrawl.org")
    add("--index-prefix", "--index_prefix", help="mirror of https://index.commoncrawl.org")
    add("--verbose", action="store_true", help="show what wget or s5cmd say")


def offline_stages(args: argparse.Namespace) -> list[Any]:
    """Find the WARC files, read and extract them."""
    from nemo_curator.stages.file_partitioning import FilePartitioningStage
    from nemo_curator.stages.text.download.base.iterator import DocumentIterateExtractStage
    from nemo_curator.stages.text.download.common_crawl.extract import CommonCrawlHTMLExtractor
    from nemo_curator.stages.text.download.common_crawl.warc_iterator import CommonCrawlWarcIterator

    return [
        FilePartitioningStage(file_paths=str(args.warc_path), files_per_partition=1, file_extensions=[".gz"]),
        DocumentIterateExtractStage(
            iterator=CommonCrawlWarcIterator(),
            extractor=CommonCrawlHTMLExtractor(algorithm=args.html_extraction),
            record_limit=args.record_limit,
            add_filename_column=args.add_filename_column,
        ),
    ]


def network_stages(args: argparse.Namespace) -> list[Any]:
    """List the WARC files of the snapshots, download, read and extract them."""
    from nemo_curator.stages.text.download.common_crawl import CommonCrawlDownloadExtractStage

    args.download_path.mkdir(parents=True, exist_ok=True)
    stage = CommonCrawlDownloadExtractStage(
        start_snapshot=args.start_snapshot,
        end_snapshot=args.end_snapshot,
        download_dir=str(args.download_path),
        crawl_type=args.crawl_type,
        html_extraction=args.html_extraction,
        use_aws_to_download=args.use_aws_to_download,
        verbose=args.verbose,
        url_limit=args.url_limit,
        record_limit=args.record_limit,
        add_filename_column=args.add_filename_column,
    )
    if args.data_prefix:
        stage.url_generator.data_prefix = args.data_prefix
    if args.index_prefix:
        stage.url_generator.index_prefix = args.index_prefix
    return [stage]


def check_arguments(args: argparse.Namespace) -> str | None:
    """What is wrong with the arguments taken together."""
    if (args.warc_path is None) == (args.download_path is None):
        return "give either --warc-path (offline) or --download-path (network)"
    if args.manifest and args.record_limit:
        return "--manifest tells of all records: leave --record-limit out"
    if args.index_prefix and args.crawl_type == "news":
        return "--index-prefix is for the main crawl: news has no index"
    return None


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("Extract text from Common Crawl.", executor="ray_data")
    add_arguments(bench.parser)
    with bench:
        args = bench.args
        if problem := check_arguments(args):
            bench.parser.error(problem)
        expected = read_counts(args.manifest)

        with ray_cluster(args.executor):
            from nemo_curator.pipeline import Pipeline
            from nemo_curator.stages.text.io.writer import JsonlWriter, ParquetWriter

            stages = offline_stages(args) if args.warc_path else network_stages(args)
            writer = {"parquet": ParquetWriter, "jsonl": JsonlWriter}[args.output_format]
            pipeline = Pipeline(name="common_crawl", stages=[*stages, writer(path=str(args.output_path))])
            executor = make_executor(args.executor)
            with bench.timed("time_taken_s") as watch:
                tasks = pipeline.run(executor) or []
        bench.add_tasks(tasks)

        warc_files = list((args.warc_path or args.download_path).glob("*.gz"))
        num_bytes = total_bytes(warc_files)
        # A task stands for a file, not for a document: count what was written.
        num_extracted = count_documents(name for task in tasks for name in task.data)
        bench.metrics |= {
            "num_warc_files": len(warc_files),
            "num_documents_extracted": num_extracted,
            "num_input_bytes": num_bytes,
        }
        bench.add_throughput(watch.elapsed_s, documents=num_extracted, num_bytes=num_bytes)
        if expected:
            bench.metrics["num_pages"] = expected["warc_pages"]
            bench.check_count("documents extracted", num_extracted, expected["warc_pages_with_text"])
        elif num_extracted == 0:
            raise CheckFailedError("Check failed: no document was extracted; the lines above say why.")


if __name__ == "__main__":
    main()
