# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A small demonstration of a benchmark script: counts words, in blocks that are timed.

It needs neither Ray nor NeMo Curator. Where the entry has a Ray cluster (``RAY_ADDRESS`` is set), a part of
the work is done there, too, and must give the same counts::

    python benchmarks/scripts/test_benchmark.py --benchmark-results-path /tmp/demo --iterations 10
"""

from __future__ import annotations

import os
from collections import Counter

from pytest_curator_bench.script import Benchmark

SENTENCE = "the quick brown fox jumps over the lazy dog while the cat looks on "
WORDS_PER_DOCUMENT = 20 * len(SENTENCE.split())


def make_documents(count: int) -> list[str]:
    """Texts that differ in one word each."""
    return [f"{SENTENCE * 20}number{number}" for number in range(count)]


def count_words(documents: list[str]) -> Counter[str]:
    """How often each word comes."""
    return Counter(word for document in documents for word in document.split())


def count_words_on_ray(documents: list[str]) -> Counter[str]:
    """The same, done by two tasks on the entry's cluster."""
    import ray

    ray.init(log_to_driver=False)
    try:
        remote_count = ray.remote(count_words)
        half = len(documents) // 2
        parts = ray.get([remote_count.remote(documents[:half]), remote_count.remote(documents[half:])])
        return sum(parts, Counter())
    finally:
        ray.shutdown()


def main() -> None:
    """Run the benchmark."""
    bench = Benchmark("Count words, as a demonstration.")
    bench.parser.add_argument("--iterations", type=int, default=100, help="how often (default: %(default)s)")
    bench.parser.add_argument("--documents", type=int, default=200, help="of 281 words (default: %(default)s)")
    with bench:
        args = bench.args
        if args.iterations < 1 or args.documents < 1:
            bench.parser.error("--iterations and --documents must be at least 1")
        with bench.task("data_loading", items=args.documents) as block:
            documents = make_documents(args.documents)
            size = block.input_bytes = sum(map(len, documents))

        counts: Counter[str] = Counter()
        with bench.timed("time_taken_s") as watch:
            for _ in range(args.iterations):
                with bench.task("processing", items=len(documents), input_bytes=size):
                    counts = count_words(documents)

        processed = args.iterations * len(documents)
        bench.metrics["num_documents_processed"] = processed
        bench.metrics["num_words"] = counts.total()
        bench.add_throughput(watch.elapsed_s, documents=processed, num_bytes=args.iterations * size)
        bench.check_count("words", counts.total(), len(documents) * (WORDS_PER_DOCUMENT + 1))

        if os.environ.get("RAY_ADDRESS"):
            with bench.task("processing_on_ray", items=len(documents), input_bytes=size):
                on_ray = count_words_on_ray(documents)
            bench.check_count("words counted on Ray", on_ray.total(), counts.total())


if __name__ == "__main__":
    main()
