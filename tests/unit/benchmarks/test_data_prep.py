# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The offline data: the same everywhere, verified, whole or not there, and counted right."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.data_prep import build, prepare_offline_data, reference_filters
from benchmarks.data_prep.corpus import documents, english_text, random_numbers
from benchmarks.data_prep.manifest import DataError, Manifest, Recipe
from benchmarks.data_prep.prepare_offline_data import main, prepare, verify
from benchmarks.data_prep.vocabulary import TABLE_SIZE, vocabulary, word_table
from benchmarks.data_prep.warc import gzip_member

SIZES: dict[str, Any] = {"documents": 200, "warc_files": 2, "pages_per_warc": 20}

# The content of these sizes, as it was when this line was last changed. Another digest means other data, with
# which old results can't be compared: raise GENERATOR_VERSION and say so in the changelog.
CONTENT_DIGEST = "aaf30f3d91be50d83f4047618433b8fd142dee5f11d135a812d6479df422bef2"


def modification_times(directory: Path) -> dict[Path, int]:
    """When each data file was written."""
    return {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.suffix in {".jsonl", ".gz"}}


def read_documents(directory: Path) -> list[dict[str, Any]]:
    """All documents, in the order of files and lines."""
    lines = (line for path in sorted(directory.glob("documents/*")) for line in path.open(encoding="utf-8"))
    return [json.loads(line) for line in lines]


class TestContent:
    """What is in the data."""

    def test_two_directories_hold_the_same_bytes(self, tmp_path: Path) -> None:
        """Neither time nor place goes into any file."""
        prepare(tmp_path / "a", **SIZES)
        prepare(tmp_path / "b", **SIZES)
        names = [path.relative_to(tmp_path / "a") for path in modification_times(tmp_path / "a")]
        assert len(names) == 5
        for name in [*names, Path("manifest.json")]:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_the_content_is_the_recorded_one(self, tmp_path: Path) -> None:
        """It does not drift with versions of Python, zlib or this code."""
        assert prepare(tmp_path, **SIZES).content_digest == CONTENT_DIGEST

    def test_another_seed_gives_other_data(self, tmp_path: Path) -> None:
        """The seed is what the content hangs on."""
        assert prepare(tmp_path, **SIZES, seed="other").content_digest != CONTENT_DIGEST

    def test_ids_rise_through_all_files(self, tmp_path: Path) -> None:
        """NeMo Curator's removal counts rightly only then."""
        prepare(tmp_path, **SIZES)
        assert [document["id"] for document in read_documents(tmp_path)] == list(range(200))

    def test_the_counts_are_right(self, tmp_path: Path) -> None:
        """Counted again, from the files alone."""
        counts = prepare(tmp_path, documents=600, warc_files=2, pages_per_warc=20).counts
        texts = [document["text"] for document in read_documents(tmp_path)]
        assert counts["documents"] == len(texts) == 600
        assert counts["text_bytes"] == sum(len(text.encode()) for text in texts)
        assert counts["document_bytes"] == sum(p.stat().st_size for p in tmp_path.glob("documents/*"))
        assert counts["warc_bytes"] == sum(p.stat().st_size for p in tmp_path.glob("warc/*"))
        assert counts["warc_pages"] == 40
        assert counts["duplicates"] == len(texts) - len(set(texts)) > 0

    def test_listed_duplicates_are_those_with_an_earlier_twin(self, tmp_path: Path) -> None:
        """Removing them leaves each text once."""
        prepare(tmp_path, documents=600, warc_files=0)
        lines = (tmp_path / "duplicates" / "ids_to_remove.jsonl").read_text().splitlines()
        listed = {json.loads(line)["id"] for line in lines}
        left = [document["text"] for document in read_documents(tmp_path) if document["id"] not in listed]
        assert len(left) == len(set(left)) == 600 - len(listed)

    def test_every_filter_drops_something(self, tmp_path: Path) -> None:
        """And most documents are kept, so that a benchmark shows both."""
        counts = prepare(tmp_path, documents=600, warc_files=0).counts
        dropped = {name: counts[f"dropped_by_{name}"] for name in reference_filters.FILTERS}
        assert all(dropped.values()), dropped
        assert counts["kept_by_filters"] + sum(dropped.values()) == 600
        assert 0.5 < counts["kept_by_filters"] / 600 < 0.9

    def test_the_size_is_the_one_asked_for(self, tmp_path: Path) -> None:
        """To the document."""
        counts = prepare(tmp_path, size_mb=0.5, warc_files=0).counts
        assert 500_000 <= counts["document_bytes"] < 520_000

    @pytest.mark.parametrize("wrong", [{"size_mb": 0}, {"documents": 0}, {"warc_files": -1}, {"pages_per_warc": -1}])
    def test_sizes_that_make_no_data_are_refused(self, tmp_path: Path, wrong: dict[str, Any]) -> None:
        """Before anything is written."""
        with pytest.raises(ValueError, match="must"):
            prepare(tmp_path / "data", **wrong)
        assert not (tmp_path / "data").exists()

    def test_large_data_are_spread_over_files(self) -> None:
        """About 4 MB each, so that tasks can be shared out."""
        assert Recipe(size_mb=32).document_files == 8
        assert Recipe(size_mb=0.1).document_files == 2
        assert Recipe(documents=19_000).document_files == 8


class TestText:
    """The words and the files' formats."""

    def test_random_numbers_are_fixed_by_the_standard(self) -> None:
        """SHAKE-256 of the label, little-endian; the empty message's digest is in FIPS 202's examples."""
        assert random_numbers("", 2).tolist() == [0xB946, 0x2BDD]

    def test_the_commonest_word_is_as_common_as_it_should_be(self) -> None:
        """1 / 2.7 over the sum of all weights, by the law that the table states."""
        table, words = word_table(), vocabulary()
        assert (len(table), len(set(table))) == (TABLE_SIZE, len(words))
        share = (1 / 2.7) / sum(1 / (rank + 2.7) for rank in range(len(words)))
        assert table.count("the") / TABLE_SIZE == pytest.approx(share, rel=0.001)

    def test_texts_have_sentences(self) -> None:
        """Capital letters, full stops, paragraphs, and about the number of words asked for."""
        text = english_text("label", 500)
        assert len(text.split()) == 500
        assert all(paragraph[0].isupper() and paragraph[-1] in ".?" for paragraph in text.split("\n\n"))

    def test_a_document_needs_no_earlier_one(self) -> None:
        """The stream can be entered anywhere; so shards could be made in parallel."""
        stream = documents("seed")
        first = [next(stream) for _ in range(30)]
        again = documents("seed")
        assert [next(again) for _ in range(30)] == first

    def test_gzip_members_are_gzip(self) -> None:
        """Python's own reader takes them, one after the other."""
        assert gzip.decompress(gzip_member(b"one ") + gzip_member(b"two")) == b"one two"

    def test_warc_files_are_warc(self, tmp_path: Path) -> None:
        """The reader that NeMo Curator uses finds every record, with its own lengths and types."""
        archiveiterator = pytest.importorskip("warcio.archiveiterator")
        prepare(tmp_path, **SIZES)
        for path in tmp_path.glob("warc/*.warc.gz"):
            with path.open("rb") as file:
                records = [
                    (record.rec_type, len(record.content_stream().read()))
                    for record in archiveiterator.ArchiveIterator(file)
                ]
            assert [kind for kind, _ in records] == ["warcinfo", *["request", "response", "metadata"] * 20]
            assert any(kind == "response" and size > 10_000 for kind, size in records)


class TestReuse:
    """When data that are there are used, and when they are made anew."""

    def test_valid_data_are_used_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without making, nor even reading them."""
        made = prepare(tmp_path, **SIZES)
        monkeypatch.setattr(build, "build", None)
        monkeypatch.setattr("hashlib.file_digest", None)
        assert prepare(tmp_path, **SIZES) == made

    def test_copied_data_are_verified_and_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Other modification times cost a comparison of digests, once."""
        made = prepare(tmp_path, **SIZES)
        for path in modification_times(tmp_path):
            os.utime(path, ns=(0, 0))
        monkeypatch.setattr(build, "build", None)
        assert prepare(tmp_path, **SIZES) == made
        monkeypatch.setattr("hashlib.file_digest", None)
        assert prepare(tmp_path, **SIZES) == made

    @pytest.mark.parametrize("harm", ["cut", "changed", "removed", "manifest cut", "manifest removed"])
    def test_damaged_data_are_made_anew(self, tmp_path: Path, harm: str) -> None:
        """Whatever was damaged, the result is as before."""
        made = prepare(tmp_path, **SIZES)
        file = tmp_path / ("manifest.json" if harm.startswith("manifest") else "documents/part-00001.jsonl")
        content = file.read_bytes()
        if harm.endswith("removed"):
            file.unlink()
        elif harm == "changed":
            file.write_bytes(b"#" + content[1:])
            os.utime(file, ns=(0, 0))
        else:
            file.write_bytes(content[:-10])
        assert prepare(tmp_path, **SIZES) == made
        assert file.read_bytes() == content
        assert verify(tmp_path) == made

    def test_another_recipe_replaces_the_data(self, tmp_path: Path) -> None:
        """A directory holds what was asked for last, and nothing of what was there before."""
        prepare(tmp_path, documents=200, warc_files=2, pages_per_warc=2)
        manifest = prepare(tmp_path, documents=200, warc_files=1, pages_per_warc=2)
        assert len(list(tmp_path.glob("warc/*"))) == 1
        assert verify(tmp_path) == manifest == Manifest.read(tmp_path)

    def test_data_of_an_older_generator_are_made_anew(self, tmp_path: Path) -> None:
        """Though their files fit their manifest."""
        made = prepare(tmp_path, **SIZES)
        path = tmp_path / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["recipe"]["generator_version"] = 0
        path.write_text(json.dumps(manifest))
        assert prepare(tmp_path, **SIZES) == made

    def test_a_killed_preparation_leaves_nothing_that_is_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither a half-written directory nor one whose parts were being put in place."""
        (tmp_path / ".building" / "documents").mkdir(parents=True)
        (tmp_path / ".building" / "documents" / "part-99999.jsonl").write_text("half")
        (tmp_path / "documents").mkdir()
        (tmp_path / "documents" / "part-99999.jsonl").write_text("half")
        made = prepare(tmp_path, **SIZES)
        assert verify(tmp_path) == made
        assert len(read_documents(tmp_path)) == 200

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(prepare_offline_data, "_write_stamps", interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(tmp_path, documents=100, warc_files=0)
        monkeypatch.undo()
        with pytest.raises(DataError, match=r"manifest\.json is missing"):
            verify(tmp_path)
        assert prepare(tmp_path, **SIZES) == made

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        """A user may keep data of his own beside them."""
        (tmp_path / "mine.txt").write_text("mine")
        prepare(tmp_path, **SIZES)
        prepare(tmp_path, documents=100, warc_files=0)
        assert (tmp_path / "mine.txt").read_text() == "mine"

    def test_callers_at_the_same_time_share_the_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One makes the data, the others wait and find them."""
        makings = []
        original = build.build

        def counted(directory: Path, recipe: Recipe) -> Manifest:
            makings.append(directory)
            return original(directory, recipe)

        monkeypatch.setattr(build, "build", counted)
        with ThreadPoolExecutor(4) as pool:
            manifests = list(pool.map(lambda _: prepare(tmp_path, **SIZES), range(4)))
        assert len(makings) == 1
        assert manifests == [manifests[0]] * 4

    def test_processes_at_the_same_time_share_the_work(self, tmp_path: Path) -> None:
        """As workers of pytest-xdist do; a lost race would leave files of two makings."""
        arguments = ["--documents", "300", "--warc-files", "1", "--output-dir", str(tmp_path)]
        command = [sys.executable, prepare_offline_data.__file__, *arguments]
        processes = [subprocess.Popen(command, text=True, stdout=subprocess.PIPE) for _ in range(3)]
        outputs = {process.communicate(timeout=120)[0] for process in processes}
        assert [process.returncode for process in processes] == [0, 0, 0]
        assert len(outputs) == 1
        verify(tmp_path)


class TestCommandLine:
    """``prepare_offline_data.py`` as a command."""

    def test_it_makes_and_tells(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """One line with the counts."""
        arguments = ["--output-dir", str(tmp_path), "--documents", "200", "--warc-files", "2"]
        assert main([*arguments, "--pages-per-warc", "20"]) == 0
        output = capsys.readouterr().out
        assert output.startswith(f"{tmp_path}: 200 documents (")
        assert output.endswith(f"content {CONTENT_DIGEST[:16]}\n")

    def test_verify_finds_what_stamps_do_not_show(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Same size, same time, another byte; nothing is made anew."""
        prepare(tmp_path, **SIZES)
        assert main(["--output-dir", str(tmp_path), "--verify"]) == 0
        file = tmp_path / "documents" / "part-00000.jsonl"
        status = file.stat()
        file.write_bytes(b"#" + file.read_bytes()[1:])
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert main(["--output-dir", str(tmp_path), "--verify"]) == 1
        assert "part-00000.jsonl has the digest" in capsys.readouterr().err
        assert file.read_bytes().startswith(b"#")

    @pytest.mark.parametrize(
        ("content", "message"),
        [(None, "is missing"), ("{", "can't be read"), ('{"recipe": {"x": 1}}', "can't be read")],
    )
    def test_verify_says_what_is_wrong_with_a_manifest(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
    ) -> None:
        """One sentence, exit status 1."""
        if content is not None:
            (tmp_path / "manifest.json").write_text(content)
        assert main(["--output-dir", str(tmp_path), "--verify"]) == 1
        assert message in capsys.readouterr().err

    def test_a_wrong_size_is_one_sentence(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """No traceback."""
        assert main(["--output-dir", str(tmp_path), "--size-mb", "-1"]) == 1
        assert capsys.readouterr().err == "error: the size of the documents must be above 0\n"


class TestReferenceFilters:
    """The second implementation of the filters agrees with NeMo Curator's."""

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("", "word_count"),
            ("word " * 49, "word_count"),
            ("the " * 50, None),
            ("== " * 50, "alpha_numeric"),
            ("the 1234 " * 50, "numbers_ratio"),
            ("the of " * 50, "alpha_numeric"),
            ("elephantine " * 50, "mean_word_length"),
            ("word " * 50, "common_english_words"),
        ],
    )
    def test_limits(self, text: str, name: str | None) -> None:
        """By hand."""
        assert reference_filters.dropped_by(text) == name

    def test_they_agree_with_nemo_curator(self) -> None:
        """Filter by filter, on documents of every kind."""
        string = pytest.importorskip("nemo_curator.stages.text.filters.heuristic.string")
        theirs = [
            string.WordCountFilter(50, 100_000),
            string.NonAlphaNumericFilter(0.25),
            string.NumbersFilter(0.15),
            string.MeanWordLengthFilter(3, 10),
            string.CommonEnglishWordsFilter(2),
        ]
        stream = documents("agreement")
        for text in [next(stream).text for _ in range(400)]:
            for name, keeps, other in zip(
                reference_filters.FILTERS, reference_filters.FILTERS.values(), theirs, strict=True
            ):
                assert name == other.name
                assert keeps(text) == other.keep_document(other.score_document(text)), (name, text)
