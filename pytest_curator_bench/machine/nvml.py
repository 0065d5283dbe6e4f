# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The door to NVIDIA's management library: open it, ask it, and live with every call failing by itself."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = ["NvmlUnavailableError", "ask", "nvml_session"]


class NvmlUnavailableError(Exception):
    """NVML can't be used; the message says why."""


@contextlib.contextmanager
def nvml_session() -> Iterator[ModuleType]:
    """NVML, initialised; sessions may nest.

    Raises:
        NvmlUnavailableError: there is no driver, or it does not answer.
    """
    try:
        import pynvml
    except ImportError as error:
        raise NvmlUnavailableError(f"nvidia-ml-py can't be imported: {error}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NvmlUnavailableError(f"no NVIDIA driver that answers: {error}") from error
    try:
        yield pynvml
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def ask(nvml: ModuleType, function: Callable[..., Any], *arguments: object) -> Any:
    """What ``function`` says, or ``None``: not supported, no permission, GPU lost, name in no encoding."""
    with contextlib.suppress(nvml.NVMLError, UnicodeDecodeError):
        return function(*arguments)
    return None
