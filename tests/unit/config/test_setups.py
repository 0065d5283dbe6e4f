# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Which data setups entries need, viewer links, what the host calls things, sizes of object stores."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_curator_bench._util.container import to_host_path
from pytest_curator_bench.config.viewer import VIEWER_PLACEHOLDERS, viewer_problems, viewer_url
from pytest_curator_bench.entry.resources import cluster_spec
from tests.support.config import MINIMAL, load, problem

SETUPS = "results_dir: r\ndata_setups: [{name: one, script: s}, {name: two, script: s}, {name: three, script: s}]\n"


def needs(directory: Path, *entries: str, setups: str = SETUPS) -> dict[str, tuple[str, ...]]:
    """The setups of each entry; entries are called a, b, c."""
    lines = (f"- {{name: {name}, script: s{entry}}}\n" for name, entry in zip("abc", entries, strict=False))
    config = load(directory, f"{setups}entries:\n{''.join(lines)}")
    return {entry.name: entry.data_setups for entry in config.entries}


def test_all_if_no_entry_names_any(tmp_path: Path) -> None:
    """Every entry needs every setup, as with the nightly files."""
    assert needs(tmp_path, "", "") == dict.fromkeys("ab", ("one", "two", "three"))


def test_who_says_nothing_needs_what_nobody_names(tmp_path: Path) -> None:
    """Naming a setup takes it for oneself; the order is that of the config; an empty list names nothing."""
    named = ", data_setups: [two, one]"
    assert needs(tmp_path, named, "", ", data_setups: []") == {"a": ("one", "two"), "b": ("three",), "c": ()}
    assert needs(tmp_path, ", data_setups: []", "") == {"a": (), "b": ("one", "two", "three")}


def test_a_disabled_entry_keeps_what_it_names(tmp_path: Path) -> None:
    """Switching an entry off does not give its data to the others."""
    assert needs(tmp_path, ", enabled: false, data_setups: [one]", "") == {"b": ("two", "three")}


def test_a_disabled_set_up_may_be_named(tmp_path: Path) -> None:
    """It is switched off where the data is there already."""
    setups = SETUPS.replace("{name: one,", "{name: one, enabled: false,")
    assert needs(tmp_path, ", data_setups: [one, two]", "", setups=setups) == {"a": ("two",), "b": ("three",)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "[thre]",
            (
                "data_setups[#1]: found the unknown data setup 'thre'; did you mean 'three'? "
                "Expected one of one, three, two"
            ),
        ),
        ("one", "data_setups: found 'one' (text), expected a list"),
        ("[1]", "data_setups[#1]: found 1, expected a name; write it in quotes"),
    ],
)
def test_a_wrong_name(tmp_path: Path, value: str, expected: str) -> None:
    """File, line and key, with the nearest name."""
    text = f"{SETUPS}entries:\n- {{name: a, script: s, data_setups: {value}}}\n"
    assert problem(tmp_path, text) == f"a.yaml:4: entries[a].{expected}"


def test_a_name_where_there_are_no_set_ups(tmp_path: Path) -> None:
    """Says that there are none."""
    found = problem(tmp_path, MINIMAL + "  data_setups: [x]\n")
    assert found.endswith("found the unknown data setup 'x', expected one that is defined; none are defined")


def test_fingerprints(tmp_path: Path) -> None:
    """Each form of a dataset says how it is recorded."""
    forms = "{type: a, path: a}, {type: b, path: b, fingerprint: content}, {type: c, path: c, fingerprint: none}"
    entry = "entries: [{name: x, script: s, args: '{dataset:d,a} {dataset:d,b} {dataset:d,c}'}]\n"
    config = load(tmp_path, f"results_dir: r\ndatasets: [{{name: d, formats: [{forms}]}}]\n{entry}")
    assert [use.fingerprint for use in config.entries[0].datasets_used] == ["listing", "content", "none"]


# --- viewer links ---


def test_the_six_placeholders() -> None:
    """Each is put in; those for queries hold no character with a meaning in one."""
    template = "|".join(f"{{{name}}}" for name in VIEWER_PLACEHOLDERS)
    assert viewer_url(template, Path("/r s/&x/n__1")).split("|") == [
        "/r s/&x",
        "%2Fr%20s%2F%26x",
        "n__1",
        "n__1",
        "/r s/&x/n__1",
        "%2Fr%20s%2F%26x%2Fn__1",
    ]


def test_a_viewer_link_names_the_host_s_directories() -> None:
    """In a container too, by the path that holds the session."""
    mounts = [(Path("/results"), Path("/big/results")), (Path("/other"), Path("/o"))]
    template = "http://v?dir={results_path_url}&run={session_name_url}#{session_path}"
    expected = "http://v?dir=%2Fbig%2Fresults%2Fx&run=s#/big/results/x/s"
    assert viewer_url(template, Path("/results/x/s"), mounts) == expected


KNOWN = ", ".join(sorted(f"{{{name}}}" for name in VIEWER_PLACEHOLDERS))


@pytest.mark.parametrize(
    "inner", ["session_name!r", "session_name!", "session_name:>9", "session_path:", "session_name[0]", " session_name"]
)
def test_what_format_would_take_is_no_placeholder_of_a_link(tmp_path: Path, inner: str) -> None:
    """A conversion, a format or an index would stand in the link as it is written."""
    name = inner.strip().split("!")[0].split(":")[0].split("[")[0]
    text = f"found {{{inner}}}, expected {{{name}}}: a placeholder takes neither a conversion nor a format"
    found = problem(tmp_path, f"viewer_url_template: 'http://x/{{{inner}}}'\n{MINIMAL}")
    assert found == f"a.yaml:1: viewer_url_template: {text}"


@pytest.mark.parametrize("braces", ["{}", "{0}", "{sesion_name!r}"])
def test_braces_of_format_in_a_link(tmp_path: Path, braces: str) -> None:
    """Those that name nothing known are errors with what is known."""
    found = problem(tmp_path, f"viewer_url_template: 'http://x/{braces}'\n{MINIMAL}")
    assert f"found {braces}, expected one of {KNOWN} (write %7B for a brace)" in found


def test_other_braces_of_a_link() -> None:
    """They stay as they are."""
    template = 'http://x/?f={"s":"{session_name}"}&r={2,3}&l={{session_name}}'
    assert viewer_problems(template) == ()
    assert viewer_url(template, Path("/r/n")) == 'http://x/?f={"s":"n"}&r={2,3}&l={session_name}'


@pytest.mark.parametrize(
    ("placeholder", "expected"),
    [
        (
            "{sesion_name}",
            (
                f"found the unknown placeholder {{sesion_name}}; did you mean '{{session_name}}'? "
                f"Expected one of {KNOWN} (write {{{{sesion_name}}}} for a literal {{sesion_name}})"
            ),
        ),
        ("{dataset:a,b}", f"found '{{dataset:a,b}}', but a dataset can't be named here; expected one of {KNOWN}"),
    ],
)
def test_an_unknown_placeholder_in_a_viewer_link(tmp_path: Path, placeholder: str, expected: str) -> None:
    """An error that lists the known ones."""
    assert problem(tmp_path, f"viewer_url_template: http://x/{placeholder}\n{MINIMAL}") == (
        f"a.yaml:1: viewer_url_template: {expected}"
    )


# --- host and container ---


@given(st.lists(st.sampled_from(["MOUNT", "a", "b", "results"]), max_size=5))
def test_what_is_not_mounted_keeps_its_name(parts: list[str]) -> None:
    """Only below a mount or /MOUNT does the host call a path otherwise; the query form can be read back."""
    path = Path("/", *parts)
    found = to_host_path(path)
    assert found == (Path("/", *parts[1:]) if parts[:1] == ["MOUNT"] else path)
    assert unquote(viewer_url("{session_path_url}", path)) == str(found)


def test_the_longest_mount_counts() -> None:
    """A mount within another one is found first."""
    mounts = [(Path("/a"), Path("/x")), (Path("/a/b"), Path("/y")), (Path("/a/bc"), Path("/z"))]
    assert to_host_path(Path("/a/b/c"), mounts) == Path("/y/c")
    assert to_host_path(Path("/a/c"), mounts) == Path("/x/c")


def test_mounts_of_a_config(tmp_path: Path) -> None:
    """In a container each path and what the host calls it, with deprecated keys; on the host none."""
    text = (
        f"{MINIMAL}datasets_path: /old\npaths:\n"
        "- {name: p, host_path: /host/p, container_path: /inside}\n- {name: q, host_path: /host/q}\n"
    )
    inside = load(tmp_path, text, env={"CURATOR_BENCH_IN_CONTAINER": "1"})
    assert inside.mounts == (
        (Path("/inside"), Path("/host/p")),
        (Path("/MOUNT/host/q"), Path("/host/q")),
        (Path("/MOUNT/old"), Path("/old")),
    )
    assert load(tmp_path, text, env={"CURATOR_BENCH_IN_CONTAINER": "0"}).mounts == ()


# --- object stores ---


@pytest.mark.parametrize(
    ("common", "own", "expected"),
    [
        ("object_store_size: 0.5", "", (None, 0.5)),
        ("object_store_size: 0.5", "object_store_size: default", (None, "default")),
        ("ray: {object_store_memory: 1048576}", "", (1048576, None)),
        ("ray: {object_store_memory: 1048576}", "object_store_size: 0.25", (None, 0.25)),
        ("ray: {object_store_memory: 1048576}", "object_store_size: default", (None, "default")),
        ("object_store_size: 0.5", "ray: {object_store_memory: 2097152}", (2097152, 0.5)),
        (
            "ray: {object_store_memory: 1048576}",
            "ray: {object_store_memory: 2097152}, object_store_size: 0.25",
            (2097152, 0.25),
        ),
    ],
)
def test_an_entry_s_own_object_store_goes_first(
    tmp_path: Path, common: str, own: str, expected: tuple[int | None, int | float | str | None]
) -> None:
    """Whichever form it has; within one place ``object_store_memory`` goes before ``object_store_size``."""
    ray = "" if "ray" in common or "ray" in own else "ray: {}, "
    config = load(tmp_path, f"results_dir: r\n{common}\nentries: [{{name: a, script: s, {ray}{own}}}]\n")
    entry = config.entries[0]
    assert entry.ray is not None
    assert (entry.ray.object_store_memory, entry.object_store_size) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("object_store_size: 536870912000", 536870912000),
        ("object_store_size: 0.5", 4 * 2**30),
        ("object_store_size: 1.0", 8 * 2**30),
        ("object_store_size: default", None),
        ("delete_scratch: true", None),
        ("object_store_size: 0.5, ray: {object_store_memory: 1048576}", 1048576),
    ],
)
def test_what_the_cluster_is_asked_for(tmp_path: Path, said: str, expected: int | None) -> None:
    """Bytes as they are, a fraction of the memory that there is, or Ray's own choice, also where nothing is said."""
    ray = "" if "ray" in said else "ray: {}, "
    config = load(tmp_path, f"results_dir: r\nentries: [{{name: a, script: s, {ray}{said}}}]\n")
    assert cluster_spec(config.entries[0], 8 * 2**30).object_store_bytes == expected
