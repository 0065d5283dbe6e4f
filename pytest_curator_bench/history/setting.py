# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What two results must have in common to be compared: the machine's class, arguments, resources, data, repeats.

Only stable facts belong here. Versions and commits don't: they are what a comparison is to find guilty.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

__all__ = ["ARGUMENTS", "Setting", "datasets_of", "describe_differences", "machine_facts", "setting_of"]

Setting = Mapping[str, str]
"""Facts by name, in words that can be shown; two results are comparable if theirs are equal."""

ARGUMENTS = "arguments"
"""Name of the fact that holds the command line."""
_DATASET = "dataset "
_RESULTS_OPTION = "--benchmark-results-path"


def setting_of(result: Mapping[str, Any], machine: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a result that make it comparable with others.

    Args:
        result: content of ``results.json``.
        machine: what :func:`machine_facts` says of the machine that it was measured on.
    """
    facts = {**machine, ARGUMENTS: " ".join(_without_paths(_list(result.get("command"))))}
    resources = _mapping(result.get("resources"))
    lease = _mapping(resources.get("lease"))
    if lease:
        facts["CPUs"] = str(len(_list(lease.get("cpus"))))
        facts["GPUs of the entry"] = str(len(_list(lease.get("gpus"))))
    ray = _mapping(_mapping(resources.get("ray")).get("resources"))
    for name in ("CPU", "GPU"):
        if name in ray:
            facts[f"Ray's {name}s"] = f"{ray[name]:g}" if isinstance(ray[name], int | float) else str(ray[name])
    for dataset in map(_mapping, _list(result.get("datasets"))):
        digest = dataset.get("content_digest") or dataset.get("listing_digest")
        label = "/".join(str(dataset[key]) for key in ("name", "format") if dataset.get(key))
        facts[f"{_DATASET}{label}"] = str(digest)[:12] if digest else "not looked at"
    measured = sum(bool(_mapping(run).get("measured")) for run in _list(result.get("runs")))
    facts["repeats"] = "several runs" if measured > 1 else "one run"
    return facts


def describe_differences(then: Setting, now: Setting) -> list[str]:
    """Return one phrase for each fact that differs, such as ``dataset cc: 3f1c… → 9a77…``."""
    phrases = []
    for name in dict.fromkeys([*now, *then]):
        before, after = then.get(name), now.get(name)
        if before == after:
            continue
        if name == ARGUMENTS:
            before, after = _differing_words(before or "", after or "")
        phrases.append(f"{name}: {before or 'none'} → {after or 'none'}")
    return phrases


def datasets_of(setting: Setting) -> list[tuple[str, str]]:
    """Return the facts that are fingerprints of datasets."""
    return [(name, text) for name, text in setting.items() if name.startswith(_DATASET)]


def machine_facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the facts of a machine's class, from ``env.json``; none where that is unknown."""
    if named := environment.get("machine_class"):
        return {"machine class": str(named)}
    cpu, memory = _mapping(environment.get("cpu")), _mapping(environment.get("memory"))
    gpus = [str(_mapping(gpu).get("name")) for gpu in _list(environment.get("gpus"))]
    facts = {}
    if cpu:
        facts["CPU model"] = str(cpu.get("model"))
        facts["cores"] = str(cpu.get("physical_count") or cpu.get("logical_count"))
    if isinstance(total := memory.get("total_bytes"), int | float) and total > 0:
        # A kernel's own share varies: sizes within a fifth are one.
        facts["memory"] = f"about {2 ** (round(4 * math.log2(total / 2**30)) / 4):.3g} GiB"
    if environment:
        facts["GPUs"] = ", ".join(f"{gpus.count(name)} × {name}" for name in dict.fromkeys(gpus)) or "none"
    return facts


def _without_paths(command: list[Any]) -> list[str]:
    """Return a command's words; of a path its last part where that is the script's, else an ellipsis."""
    words = [str(word) for word in command]
    if _RESULTS_OPTION in words:
        place = words.index(_RESULTS_OPTION)
        del words[place : place + 2]
    # An interpreter comes first, then the script; a script that runs by itself comes first.
    kept = []
    for number, word in enumerate(words):
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if "/" not in value:
            kept.append(word)
        elif number == 0:
            name = os.path.basename(value)  # noqa: PTH119  # faster, for each of 50,000 results
            kept.append("python" if name.startswith("python") else name)
        elif number == 1:
            kept.append(os.path.basename(value))  # noqa: PTH119
        else:
            kept.append(f"{option}{equals}…")
    return kept


def _differing_words(then: str, now: str) -> tuple[str, str]:
    """Return the parts of two command lines that differ, without what they begin and end with alike."""
    before, after = then.split(" "), now.split(" ")
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if start and before[start - 1].startswith("-") and "=" not in before[start - 1]:
        start -= 1  # name the option whose value differs
    return " ".join(before[start : len(before) - end]), " ".join(after[start : len(after) - end])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
