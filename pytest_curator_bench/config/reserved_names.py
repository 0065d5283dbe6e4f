# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Names that users can't give, because the plugin uses them itself."""

__all__ = ["RESERVED_ENTRY_NAMES", "RESERVED_PATH_NAMES"]

RESERVED_ENTRY_NAMES = frozenset(
    {
        *("session.json", "env.json", "packages.txt", "config.yaml", "shards.json", "runs", "data_setup", "superseded"),
        *("sinks", "results.jsonl", "results.csv"),
    }
)
"""What a session's directory holds besides its entries' directories: no entry can be called so."""
# Placeholders that have a meaning of their own.
RESERVED_PATH_NAMES = frozenset({"session_entry_dir", "scratch_dir", "curator_repo_dir", "dataset", "matrix"})
