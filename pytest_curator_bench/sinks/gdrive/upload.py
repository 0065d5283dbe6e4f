# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Google Drive's resumable uploads: after a break, the next call continues where the service has got to.

The protocol: https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable

Why no library does this, tried against the server of the tests: google-resumable-media 2.11 fails when the answer to
the last part is lost (its ``recover()`` refuses the 200) and when the upload is forgotten, and continues an upload of
another process only through private attributes. google-api-python-client 2.202 copes with every break if
``next_chunk()`` is called from a loop like the one below, but can't ask how far an upload of another process has got,
reports no progress within a part, and brings 111 MB of API descriptions.
"""

from __future__ import annotations

import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pytest_curator_bench._util.atomic import open_regular, read_json_object, write_json
from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError
from pytest_curator_bench.sinks.gdrive.api import FILE_FIELDS, RemoteFile, json_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import requests

    from pytest_curator_bench.sinks.gdrive.api import DriveApi
    from pytest_curator_bench.sinks.gdrive.archive import Content

__all__ = ["upload"]

# Parts begin small and grow while they take less than the target: what lies in the system's buffer when we wait for an
# answer must have gone through a slow line before the request's time is over. All but the last must be multiples of
# 256 KiB, and so the slowest usable line has 60 kB/s.
MIN_PART_BYTES = 256 << 10
MAX_PART_BYTES = 16 << 20
PART_TARGET_S = 1.0
BLOCK_BYTES = 64 << 10
MAX_STARTS = 3

RESUME_INCOMPLETE = 308
_DONE = (HTTPStatus.OK, HTTPStatus.CREATED)
_GONE = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


def upload(
    api: DriveApi,
    content: Content,
    metadata: Mapping[str, Any],
    *,
    existing: RemoteFile | None,
    media_type: str,
    receipt_file: Path,
) -> RemoteFile:
    """Bring a file to Drive, whole and verified, or raise.

    A receipt remembers the upload's address, so that a later call, in another process too, sends what is missing. The
    file's ID is chosen before, so that an upload whose last answer got lost makes no second file.

    Args:
        api: Drive.
        content: the file; its bytes must stay the same.
        metadata: name, parents, properties, for a new file.
        existing: the file whose content is to be replaced.
        media_type: of the content.
        receipt_file: where the receipt is; gone when all is done.

    Raises:
        TransientSinkError: a later call continues.
        PermanentSinkError: Drive refuses it.
        OSError: the file can't be read, or the receipt not written.
    """
    facts = {
        "md5": content.md5,
        "size_bytes": content.size_bytes,
        "properties": dict(metadata["appProperties"]),
        "existing": existing.file_id if existing else None,
    }
    receipt = _read_receipt(receipt_file, facts)
    url = receipt.get("url") if receipt and api.is_ours(str(receipt.get("url"))) else None
    is_resumed = url is not None
    file_id = str(receipt["file_id"]) if receipt and url else existing.file_id if existing else api.new_id()
    for _ in range(MAX_STARTS):
        if url is None:
            url = _start(api, content, metadata, file_id, is_new=existing is None, media_type=media_type)
            write_json(receipt_file, {**facts, "file_id": file_id, "url": url})
        try:
            uploaded = _transfer(api, url, content, ask_first=is_resumed)
        except PermanentSinkError:
            receipt_file.unlink(missing_ok=True)  # what is refused once is not worth continuing
            raise
        if uploaded is None:  # the upload is no longer known; all may have arrived before
            url, is_resumed = None, False
            existing = api.look_up(file_id)
            uploaded = existing if existing is not None and existing.md5 == content.md5 else None
        if uploaded is not None:
            receipt_file.unlink(missing_ok=True)
            if uploaded.md5 != content.md5:
                raise TransientSinkError("what Drive holds has another MD5 checksum than what was sent")
            return uploaded
    raise TransientSinkError("Drive forgets the upload again and again")


def _read_receipt(file: Path, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    receipt = read_json_object(file)
    return receipt if receipt and {key: receipt.get(key) for key in facts} == facts and "file_id" in receipt else None


def _start(
    api: DriveApi, content: Content, metadata: Mapping[str, Any], file_id: str, *, is_new: bool, media_type: str
) -> str:
    """Begin an upload and return its address."""
    response = api.send(
        "POST" if is_new else "PATCH",
        api.upload_url if is_new else f"{api.upload_url}/{file_id}",
        what="beginning an upload",
        params={"uploadType": "resumable", "supportsAllDrives": "true", "fields": FILE_FIELDS},
        headers={"X-Upload-Content-Type": media_type, "X-Upload-Content-Length": str(content.size_bytes)},
        json={**metadata, "id": file_id} if is_new else {},
    )
    url = str(response.headers.get("Location", ""))
    if not api.is_ours(url):
        raise PermanentSinkError("beginning an upload: the answer names no address of the API's")
    return url


def _transfer(api: DriveApi, url: str, content: Content, *, ask_first: bool) -> RemoteFile | None:
    """Send what is missing; return the file, or ``None`` if the upload is no longer known.

    A part that breaks off is asked about at once. If that moves the upload on, it goes on; else the worker's next call
    continues it, after a pause.
    """
    at: int | None = None if ask_first else 0  # None: only Drive knows
    farthest = -1 if ask_first else 0
    part_bytes = MIN_PART_BYTES
    broken: TransientSinkError | None = None
    while True:
        begun = time.monotonic()
        try:
            response = _put(api, url, content, at, part_bytes)
        except TransientSinkError as error:
            if at is None or error.retry_after_s is not None:
                raise
            at, part_bytes, broken = None, MIN_PART_BYTES, error
            continue
        if response.status_code in _DONE:
            return RemoteFile.of(json_of(response, "uploading"))
        if response.status_code in _GONE:
            return None
        was_sent = at is not None
        at = _received_bytes(response, content)
        if at <= farthest:
            raise broken or TransientSinkError("uploading: Drive takes nothing more")
        farthest, broken = at, None
        if was_sent:
            is_fast = time.monotonic() - begun < PART_TARGET_S
            part_bytes = min(part_bytes * 2, MAX_PART_BYTES) if is_fast else max(part_bytes // 2, MIN_PART_BYTES)


def _put(api: DriveApi, url: str, content: Content, at: int | None, part_bytes: int) -> requests.Response:
    """Send the part that begins ``at``, or ask how far it has got."""
    accepted = (*_DONE, RESUME_INCOMPLETE, *_GONE)
    size = content.size_bytes
    if at is None or at >= size:  # an empty file is complete when asked for
        headers = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return api.send("PUT", url, what="asking for the upload's state", accepted=accepted, headers=headers)
    end = min(at + part_bytes, size)
    headers = {"Content-Range": f"bytes {at}-{end - 1}/{size}"}
    part = _Part(content.path, at, end, api.on_progress)
    return api.send("PUT", url, what="uploading", accepted=accepted, headers=headers, data=part)


def _received_bytes(response: requests.Response, content: Content) -> int:
    """How much Drive has, by the header ``Range``; without one it has nothing."""
    held = response.headers.get("Range")
    if held is None:
        return 0
    match = re.fullmatch(r"(?:bytes=)?0-(\d{1,19})", held.strip())
    if match is None or int(match[1]) >= content.size_bytes:
        raise TransientSinkError("uploading: Drive's answer about what it has makes no sense")
    return int(match[1]) + 1


class _Part:
    """A part of a file as a request's body; it can be sent again, as google-auth does with a fresh token."""

    def __init__(self, path: Path, begin: int, end: int, on_progress: Callable[[], None]) -> None:
        self._path = path
        self._begin = begin
        self._end = end
        self._on_progress = on_progress

    def __len__(self) -> int:
        return self._end - self._begin

    def __iter__(self) -> Iterator[bytes]:
        with os.fdopen(open_regular(self._path), "rb") as file:
            file.seek(self._begin)
            left = len(self)
            while left:
                block = file.read(min(BLOCK_BYTES, left))
                if not block:
                    raise OSError(f"{self._path} has become shorter")
                left -= len(block)
                yield block
                self._on_progress()
