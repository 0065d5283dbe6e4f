# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Past sessions: which there are, how they are selected, and what they hold. Files are read, never written."""
