# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The contract of a sink: plain data in, an exception if it could not be delivered."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench._util.text import instead_of, quote
from pytest_curator_bench.config.validate import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from pytest_curator_bench.results.compared import SinkResultDict

__all__ = [
    "CALL_LIMIT_S",
    "PermanentSinkError",
    "Sink",
    "SinkConfigError",
    "SinkSettings",
    "TransientSinkError",
    "delivery_key",
]

CALL_LIMIT_S = 10.0
"""Longest that a call of a sink may go without returning or reporting progress, in seconds."""

_KEY_DIGITS = 32
_Data = TypeVar("_Data")


class Sink(ABC):
    """A place that results are delivered to.

    One object serves one session. The controlling pytest process calls its methods, one at a time, in a thread of the
    sink's own. An exception changes no outcome: the result is kept and delivered again later, perhaps by another
    process (``curator-bench replay``). **The same result may therefore come twice**, for instance after a call that
    failed half-way: recognise it by :func:`delivery_key`, at the service or by a receipt in :attr:`state_dir`.

    Attributes:
        call_limit_s: longest that one call may go without returning or calling :meth:`report_progress`, in
            seconds; a sink that takes longer is given up for the rest of the session.
        libraries: packages that it loads; what they warn of among themselves is kept out of pytest's summary.
        name: the sink's name in the configuration; set before :meth:`initialize`.
        deliver: the setting of this name: whether it is called only ``between`` measurements, or also ``during``
            them; :meth:`entry_started` is always called.
        state_dir: a directory in the session's for receipts and other notes of the sink's; set, and made, before
            :meth:`initialize`. What lies in it is there again when the session is replayed.
        link: the page that shows what was delivered, once there is one: it is shown in the summary.
    """

    call_limit_s: ClassVar[float] = CALL_LIMIT_S
    libraries: ClassVar[tuple[str, ...]] = ()

    name: str
    deliver: Literal["between", "during"] = "between"
    state_dir: Path
    link: str | None = None
    _on_progress: Callable[[], None] | None = None
    _on_left_out: Callable[[str], None] | None = None
    _masker: Masker = Masker()

    def __init__(self, config: Mapping[str, Any]) -> None:  # noqa: B027  # optional
        """Check the settings, and do nothing else: no connection, no file, no heavy import.

        Args:
            config: the sink's settings, environment variables expanded, and its ``name``; without ``class``,
                ``enabled`` and ``deliver``. May hold secrets.

        Raises:
            SinkConfigError: a setting is wrong, or a package that the sink needs is not installed.
        """

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:  # noqa: B027  # optional
        """Get ready for a session; called before the first result, and again if it fails.

        Args:
            session_name: the session's name.
            env_data: the content of ``env.json``, and ``session_dir``, ``results_dir`` (paths as text), ``reason``,
                ``viewer_url``, ``plugin_version``, ``config_digest``, ``run_id`` and ``entries`` (the names of the
                entries that this run will run).
        """

    def entry_started(self, name: str) -> None:  # noqa: B027  # optional
        """Show that an entry has started, by one small request: it may be measured already.

        Only for live displays: never repeated, and left out while the sink is in trouble.
        """

    @abstractmethod
    def process_result(self, result: SinkResultDict) -> None:
        """Deliver one result; returning means that it has arrived.

        Args:
            result: the content of the entry's ``results.json``, secrets masked, but with its true paths, which
                :meth:`masked` masks where they are sent; and ``comparison``, where there are earlier results. It is
                a copy of the sink's own. A sink of your own may as well declare it as ``Mapping[str, Any]``.

        Raises:
            TransientSinkError: not delivered, worth a retry (any other exception counts as this one).
            PermanentSinkError: not delivered, and a retry will not help until somebody changes something.
        """

    def finalize(self) -> None:  # noqa: B027  # optional
        """The session ends; called once all results were tried, and again in a replay that delivers more."""

    def report_progress(self) -> None:
        """Report from within a long call (an upload) that it makes progress: its time limit starts anew."""
        if self._on_progress is not None:
            self._on_progress()

    def report_left_out(self, text: str) -> None:
        """Report what the present call leaves out of a delivery, and why, on one line: summary and receipt show it.

        For a part that the service refuses for good, such as one file: the rest is worth more than a failure.
        """
        if self._on_left_out is not None:
            self._on_left_out(text)

    def masked(self, data: _Data) -> _Data:
        """Return text, bytes or plain data with secrets hidden: for all that a sink sends or writes.

        Results come masked, but for the paths in them, and files that a sink reads itself are as scripts wrote them.
        """
        return self._masker.mask_data(data)


class TransientSinkError(Exception):
    """Not delivered now, but perhaps later.

    Attributes:
        retry_after_s: how long the service asks to be left alone, in seconds; ``None`` where it says nothing.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentSinkError(Exception):
    """Not delivered, and a retry in this run will not help: it is left to a replay.

    Attributes:
        status: the service's HTTP status, if it answered with one.
    """

    status: int | None = None

    def __init__(self, *message: object, status: int | None = None) -> None:
        super().__init__(*message)
        self.status = status


class SinkConfigError(Exception):
    """A sink's settings are wrong.

    Attributes:
        problems: the key (``channel``, dotted where it is nested, empty for the sink as a whole) and one sentence
            for each. A sentence must not show a setting's value: it may be a secret.
    """

    def __init__(self, key: str, message: str, *more: tuple[str, str]) -> None:
        self.problems = ((key, message), *more)
        super().__init__("; ".join(f"{key}: {text}" if key else text for key, text in self.problems))


class SinkSettings(BaseModel):
    """Typed settings of a sink; a subclass declares its keys as pydantic fields.

    ``repr()`` shows no values: they may be secrets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """Check ``config``; text that came from an environment variable becomes the number or flag it spells.

        Raises:
            SinkConfigError: for everything that is wrong, unknown keys included.
        """
        try:
            return cls.model_validate(dict(config))
        except ValidationError as invalid:
            problems = [cls._problem(error) for error in invalid.errors(include_url=False)]
        raise SinkConfigError(*problems[0], *problems[1:])

    @classmethod
    def _problem(cls, error: ErrorDetails) -> tuple[str, str]:
        key = ".".join(str(step) for step in error["loc"])
        if error["type"] == "extra_forbidden":
            known = [field.alias or name for name, field in cls.model_fields.items() if name != "name"]
            unknown = str(error["loc"][-1])
            return key, f"found the unknown key {quote(unknown)}{instead_of(unknown, known)}"
        if error["type"] == "missing":
            field = cls.model_fields.get(str(error["loc"][0]))
            about = f": {field.description}" if field is not None and field.description else ""
            return key, f"found nothing, expected this key{about}"
        message = error["msg"].removeprefix("Value error, ")
        return key, f"found {describe(error['input'], secret=True)}: {message}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    __str__ = __repr__


def delivery_key(result: Mapping[str, Any]) -> str:
    """Return what identifies a result, in this process and any later one: 32 hexadecimal digits.

    It follows from the session, the entry and the start of its script; for an entry whose script never started,
    from what is said about that.
    """
    facts = [result.get(key) for key in ("session_name", "name", "started_at")]
    if result.get("started_at") is None:
        facts += [result.get(key) for key in ("status", "reason", "error")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:_KEY_DIGITS]
