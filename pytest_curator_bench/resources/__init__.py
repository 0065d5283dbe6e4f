# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Who may use which CPUs, GPUs and object store bytes of this machine, across all pytest processes of a user."""
