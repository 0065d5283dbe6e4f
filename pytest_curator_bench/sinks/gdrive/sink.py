# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions on Google Drive: one folder for each, with an archive of it or its files."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from pytest_curator_bench._util.locks import LockedError, locked_file
from pytest_curator_bench.session.runs import read_runs
from pytest_curator_bench.sinks.base import (
    PermanentSinkError,
    Sink,
    SinkConfigError,
    SinkSettings,
    TransientSinkError,
)
from pytest_curator_bench.sinks.files.masked import masked_copy
from pytest_curator_bench.sinks.gdrive.api import DriveApi, RemoteFile, authorized_session
from pytest_curator_bench.sinks.gdrive.archive import content_of, session_files, write_archive
from pytest_curator_bench.sinks.gdrive.upload import upload
from pytest_curator_bench.sinks.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from pytest_curator_bench.sinks.gdrive.archive import Content

__all__ = ["GoogleDriveSink"]

SESSION_PROPERTY = "curator_bench_session"
PART_PROPERTY = "curator_bench_part"
# Drive allows 124 bytes for a property's name and value.
KEY_DIGITS = 32
# Another run that uploads the same session is waited for this long, which is less than what counts as a hang.
LOCK_WAIT_S = 8.0


class GoogleDriveSettings(SinkSettings):
    """Settings of the sink ``gdrive``."""

    drive_folder_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="The folder that sessions go into: the last part of its address in the browser.",
    )
    service_account_file: str = Field(
        min_length=1, description="The service account's key, a JSON file of Google's; relative to results_dir."
    )
    format: Literal["archive", "files"] = Field("archive", description="One tar.gz archive, or every file by itself.")
    subject: str | None = Field(
        None, min_length=1, description="Mail address of the user to act for (domain-wide delegation)."
    )
    api_url: str = Field(
        "https://www.googleapis.com", description="Where the API is; https, or http on this machine itself."
    )


class GoogleDriveSink(Sink):
    """Uploads the session when it ends, into a folder of its own below ``drive_folder_id``.

    Folder and files are found again by ``appProperties``: what is there with the same content is not sent again, and
    what has changed becomes a new revision of the same file. ``process_result`` has nothing to do.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = GoogleDriveSettings.read(config)
        if not _is_safe_url(self._settings.api_url):
            raise SinkConfigError("api_url", "found text, expected a URL that begins with https:// and has no path")
        if not _is_installed("google.auth", "google.oauth2", "requests", "cryptography"):
            raise SinkConfigError("", "google-auth or requests is missing: pip install 'pytest-curator-bench[gdrive]'")
        self._api: DriveApi | None = None
        self._parts = Parts(self.report_left_out)

    def initialize(self, session_name: str, env_data: Mapping[str, Any]) -> None:
        """Read the key, and see whether the folder can be written."""
        self._session_dir = Path(env_data["session_dir"])
        self._key = self._session_key(session_name)
        file = Path(env_data["results_dir"]) / Path(self._settings.service_account_file).expanduser()
        api = DriveApi(_authorized(file, self._settings.subject), self._settings.api_url, self.report_progress)
        self._drive_id = api.shared_drive_of(self._settings.drive_folder_id)
        self._api = api

    def process_result(self, result: Mapping[str, Any]) -> None:
        """Nothing: the session is uploaded as a whole."""

    def finalize(self) -> None:
        """Upload the session, as far as Drive doesn't have it."""
        if self._api is None:
            raise RuntimeError("initialize() comes first")
        # The address of an unfinished upload lets anybody continue it: for our own eyes.
        notes_dir = self.state_dir / "uploads"
        notes_dir.mkdir(mode=0o700, exist_ok=True)
        with _alone(self.state_dir / "upload.lock"):
            delivery = _Delivery(self._api, self._key, notes_dir, self._drive_id)
            folder = delivery.folder("", self._session_dir.name, self._settings.drive_folder_id)
            if self._settings.format == "archive":
                self._upload_archive(delivery, folder)
            else:
                self._upload_files(delivery, folder)
        self.link = folder.link

    def _upload_archive(self, delivery: _Delivery, folder: RemoteFile) -> None:
        archive = delivery.notes_dir / "archive.tar.gz"
        try:
            content = write_archive(
                self._session_dir, archive, self._masked_copy, self._leave_out, self.report_progress
            )
            name = f"{self._session_dir.name}.tar.gz"
            delivery.file("archive", name, folder, content, "application/gzip")
        finally:
            archive.unlink(missing_ok=True)  # the same files make the same archive next time

    def _upload_files(self, delivery: _Delivery, folder: RemoteFile) -> None:
        folders = {PurePosixPath(): folder}
        self._parts.begin("session")
        for path in session_files(self._session_dir, self._leave_out):
            self._parts.deliver(str(path), partial(self._upload_file, delivery, folders, path))
        self._parts.end()

    def _upload_file(self, delivery: _Delivery, folders: dict[PurePosixPath, RemoteFile], path: PurePosixPath) -> None:
        for parent in reversed(path.parents):
            if parent not in folders:
                above = folders[parent.parent].file_id
                folders[parent] = delivery.folder(f"{parent}", parent.name, above)
        try:
            with self._masked_copy(self._session_dir / path) as copy:
                content = content_of(copy, self.report_progress)
                delivery.file(f"file {path}", path.name, folders[path.parent], content, "application/octet-stream")
        except PermissionError as error:
            self._leave_out(path, error)

    def _masked_copy(self, file: Path) -> AbstractContextManager[Path]:
        return masked_copy(file, self.state_dir / "masked", self.masked, self.report_progress)

    def _leave_out(self, path: PurePosixPath, error: OSError) -> None:
        self._parts.leave_out(str(path), f"it can't be read: {error.strerror}")

    def _session_key(self, session_name: str) -> str:
        """What tells this session's things on Drive from all others: a name may occur twice, a run may not."""
        runs, _ = read_runs(self._session_dir)
        first = runs[0].run_id if runs else ""
        return _digest(self._settings.drive_folder_id, session_name, first)


class _Delivery:
    """One session's way to Drive: knows what is there already."""

    def __init__(self, api: DriveApi, session_key: str, notes_dir: Path, drive_id: str | None) -> None:
        self._api = api
        self._session_key = session_key
        self.notes_dir = notes_dir
        self._there: dict[str, RemoteFile] = {}
        for file in api.find(SESSION_PROPERTY, session_key, drive_id):
            self._there.setdefault(file.properties.get(PART_PROPERTY, ""), file)

    def folder(self, path: str, name: str, parent_id: str) -> RemoteFile:
        """The folder for a directory of the session, made if there is none."""
        part = _digest("folder", path)
        return self._there.get(part) or self._api.create_folder(name, parent_id, self._properties(part))

    def file(self, part_name: str, name: str, parent: RemoteFile, content: Content, media_type: str) -> None:
        """Upload a file, unless it is there with the same content."""
        part = _digest(part_name)
        existing = self._there.get(part)
        receipt_file = self.notes_dir / f"{part}.json"
        if existing is not None and existing.md5 == content.md5:
            receipt_file.unlink(missing_ok=True)
            return
        upload(
            self._api,
            content,
            {"name": name, "parents": [parent.file_id], "appProperties": self._properties(part)},
            existing=existing,
            media_type=media_type,
            receipt_file=receipt_file,
        )

    def _properties(self, part: str) -> dict[str, str]:
        return {SESSION_PROPERTY: self._session_key, PART_PROPERTY: part}


def _authorized(file: Path, subject: str | None) -> Any:
    try:
        info = json.loads(file.read_bytes())
        if not isinstance(info, dict) or info.get("type") != "service_account":
            raise ValueError("no service account")  # noqa: TRY301  # the same as any other wrong content
        return authorized_session(info, subject)
    except OSError as error:
        raise PermanentSinkError(f"service_account_file {file} can't be read: {error.strerror}") from None
    except Exception:  # what libraries say of it may show the key
        raise PermanentSinkError(
            f"service_account_file {file} is no service account's key: get a new one (JSON) in Google's console"
        ) from None


@contextlib.contextmanager
def _alone(lock_file: Path) -> Iterator[None]:
    """Keep other runs and replays of the session out: two at once would make two of everything."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked_file(lock_file, timeout_s=LOCK_WAIT_S))
        except LockedError:
            raise TransientSinkError("another run of the session is uploading it") from None
        yield


def _is_safe_url(text: str) -> bool:
    """Whether a token may be sent there: encrypted, or never leaving this machine."""
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    is_local = url.hostname in {"localhost", "127.0.0.1", "::1"}
    is_bare = url.path in {"", "/"} and not (url.query or url.fragment or "@" in url.netloc)
    return has_host and is_bare and (url.scheme == "https" or (url.scheme == "http" and is_local))


def _is_installed(*modules: str) -> bool:
    try:
        return all(importlib.util.find_spec(name) for name in modules)
    except ModuleNotFoundError:  # the package around it
        return False


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode(errors="surrogateescape")).hexdigest()[:KEY_DIGITS]
