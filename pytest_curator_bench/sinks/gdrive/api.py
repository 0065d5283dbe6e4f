# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Google Drive's API, version 3, as far as the sink ``gdrive`` needs it.

Addresses, parameters and reasons of errors are those of https://developers.google.com/workspace/drive/api/reference/rest/v3
and https://developers.google.com/workspace/drive/api/guides/handle-errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_curator_bench.sinks.base import PermanentSinkError, TransientSinkError
from pytest_curator_bench.sinks.http import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import requests
    from google.auth.transport.requests import AuthorizedSession

__all__ = ["DriveApi", "RemoteFile", "authorized_session"]

FOLDER_TYPE = "application/vnd.google-apps.folder"
# The narrower drive.file sees no folder that a person has made and shared.
SCOPE = "https://www.googleapis.com/auth/drive"
# For connecting and for each answer; several requests in a row must not look like a hang.
REQUEST_TIMEOUT_S = 4.0
PAGE_SIZE = 1000

FILE_FIELDS = "id,md5Checksum,webViewLink,appProperties"
_TEMPORARY_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"})
_REMEDIES = {
    "storageQuotaExceeded": "a service account has no space of its own: use a folder of a shared drive, or set subject",
    "teamDriveFileLimitExceeded": "the shared drive holds as many files as it can: remove some, or use another one",
    "insufficientFilePermissions": "share the folder with the service account, as Contributor or more",
    "accessNotConfigured": "enable the Google Drive API in the service account's project",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file or folder on Drive.

    Attributes:
        file_id: Drive's name for it.
        md5: MD5 of its content in hexadecimal digits; ``None`` for folders.
        link: the page that shows it.
        properties: what this sink has noted there (``appProperties``, which no other program sees).
    """

    file_id: str
    md5: str | None
    link: str | None
    properties: Mapping[str, str]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> RemoteFile:
        """From what the API answers; raises KeyError for what is no file."""
        return cls(
            file_id=data["id"],
            md5=data.get("md5Checksum"),
            link=data.get("webViewLink"),
            properties=data.get("appProperties") or {},
        )


class DriveApi:
    """Requests to Drive, shared drives included.

    No request is repeated here: the sink's worker calls the sink again, which finds what is there already.

    Attributes:
        on_progress: called when something worked, and while something is sent.

    Args:
        session: sends requests with a valid token.
        api_url: scheme and host of the API.
        on_progress: see there.
    """

    def __init__(self, session: AuthorizedSession, api_url: str, on_progress: Callable[[], None]) -> None:
        self._session = session
        self._api_url = api_url.rstrip("/")
        self.on_progress = on_progress

    @property
    def upload_url(self) -> str:
        """Where uploads begin."""
        return f"{self._api_url}/upload/drive/v3/files"

    def is_ours(self, url: str) -> bool:
        """Whether ``url`` is one of the API's, which may see the token."""
        return urlsplit(url)[:2] == urlsplit(self._api_url)[:2]

    def send(
        self, method: str, url: str, *, what: str, accepted: Iterable[int] = (HTTPStatus.OK,), **more: Any
    ) -> requests.Response:
        """Make one request and return the answer.

        Args:
            method: of HTTP.
            url: where to.
            what: what it is good for, for messages.
            accepted: the statuses that are returned.
            more: arguments of ``requests.Session.request``.

        Raises:
            TransientSinkError: no answer, or one that asks for a retry.
            PermanentSinkError: any other answer.
        """
        import requests
        from google.auth import exceptions

        try:
            response = self._session.request(method, url, timeout=REQUEST_TIMEOUT_S, allow_redirects=False, **more)
        except exceptions.RefreshError as error:
            raise _token_error(error) from None
        except (requests.RequestException, exceptions.GoogleAuthError) as error:
            raise TransientSinkError(
                f"{what}: no answer from {urlsplit(url).hostname}: {type(error).__name__}"
            ) from None
        if response.status_code not in accepted:
            raise _refusal(response, what)
        self.on_progress()
        return response

    def ask(self, method: str, path: str, *, what: str, **more: Any) -> dict[str, Any]:
        """Return the JSON object of the answer to a request; raises as :meth:`send`."""
        return json_of(self.send(method, f"{self._api_url}/drive/v3/{path}", what=what, **more), what)

    def shared_drive_of(self, folder_id: str) -> str | None:
        """The shared drive that the folder is in, ``None`` for somebody's own drive.

        Raises:
            PermanentSinkError: it is no folder, can't be seen, or nothing can be put there.
        """
        data = self.ask(
            "GET",
            f"files/{folder_id}",
            what="looking at drive_folder_id",
            params={"fields": "mimeType,driveId,capabilities/canAddChildren", "supportsAllDrives": "true"},
        )
        if data.get("mimeType") != FOLDER_TYPE:
            raise PermanentSinkError("drive_folder_id is the ID of a file, expected that of a folder")
        if not (data.get("capabilities") or {}).get("canAddChildren"):
            raise PermanentSinkError(
                f"drive_folder_id can be seen, but not written: {_REMEDIES['insufficientFilePermissions']}"
            )
        return data.get("driveId")

    def find(self, key: str, value: str, drive_id: str | None) -> list[RemoteFile]:
        """All files and folders that carry this ``appProperties`` pair, the oldest first; not those in the bin."""
        where = {"corpora": "drive", "driveId": drive_id} if drive_id else {"corpora": "user"}
        params = {
            "q": f"appProperties has {{ key='{key}' and value='{value}' }} and trashed = false",
            "fields": f"nextPageToken,files({FILE_FIELDS})",
            "orderBy": "createdTime",
            "pageSize": str(PAGE_SIZE),
            "includeItemsFromAllDrives": "true",
            "supportsAllDrives": "true",
            **where,
        }
        found: list[RemoteFile] = []
        while True:
            data = self.ask("GET", "files", what="looking for what is there", params=params)
            found += [RemoteFile.of(file) for file in data.get("files", [])]
            if not data.get("nextPageToken"):
                return found
            params["pageToken"] = data["nextPageToken"]

    def new_id(self) -> str:
        """An ID for a file or folder to create: whoever creates it twice is told so."""
        data = self.ask("GET", "files/generateIds", what="asking for an ID", params={"count": "1"})
        return str(data["ids"][0])

    def look_up(self, file_id: str) -> RemoteFile | None:
        """The file or folder, ``None`` where there is none."""
        data = self.ask(
            "GET",
            f"files/{file_id}",
            what="looking at a file",
            accepted=(HTTPStatus.OK, HTTPStatus.NOT_FOUND),
            params={"fields": FILE_FIELDS, "supportsAllDrives": "true"},
        )
        return RemoteFile.of(data) if "id" in data else None

    def create_folder(self, name: str, parent_id: str, properties: Mapping[str, str]) -> RemoteFile:
        """Make a folder; once, even if the answer gets lost."""
        file_id = self.new_id()
        data = self.ask(
            "POST",
            "files",
            what="creating a folder",
            accepted=(HTTPStatus.OK, HTTPStatus.CONFLICT),
            params={"fields": FILE_FIELDS, "supportsAllDrives": "true"},
            json={
                "id": file_id,
                "name": name,
                "mimeType": FOLDER_TYPE,
                "parents": [parent_id],
                "appProperties": properties,
            },
        )
        made = RemoteFile.of(data) if "id" in data else self.look_up(file_id)
        if made is None:
            raise TransientSinkError(
                f"creating a folder: Drive reports ID {file_id} as taken, but no such file is visible; will retry"
            )
        return made


def authorized_session(info: Mapping[str, Any], subject: str | None) -> AuthorizedSession:
    """A session of requests' that brings a token along.

    Args:
        info: a service account's key, as Google's console gives it.
        subject: the mail address of the user to act for (domain-wide delegation).

    Raises:
        ValueError: ``info`` is no such key.
    """
    import requests
    from google.auth.transport.requests import AuthorizedSession, Request
    from google.oauth2 import service_account

    credentials = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE], subject=subject)
    # google-auth's own session for tokens tries three times, at 120 s each, out of our sight.
    return AuthorizedSession(credentials, auth_request=Request(requests.Session()))


def json_of(response: requests.Response, what: str) -> dict[str, Any]:
    """The JSON object of an answer; raises TransientSinkError if it is none."""
    try:
        data = response.json()
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise TransientSinkError(f"{what}: the answer is no JSON object")
    return data


def _refusal(response: requests.Response, what: str) -> Exception:
    status, reason = response.status_code, _reason(response)
    text = f"{what}: Drive answered with status {status}" + (f" ({reason})" if reason else "")
    if reason in _TEMPORARY_REASONS:
        status = HTTPStatus.TOO_MANY_REQUESTS  # some come with 403
    remedy = _REMEDIES.get(reason)
    if status == HTTPStatus.NOT_FOUND:
        remedy = "check drive_folder_id, and share that folder with the service account"
    return refusal(f"{text}: {remedy}" if remedy else text, status, response.headers.get("Retry-After"))


def _reason(response: requests.Response) -> str:
    """The reason's short name, which holds no text of ours; empty if there is none."""
    try:
        reason = str(response.json()["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""
    return reason if reason.isalnum() and len(reason) <= 60 else ""


def _token_error(error: Any) -> Exception:
    detail = error.args[1] if len(error.args) > 1 else None
    code = detail.get("error") if isinstance(detail, dict) else None
    text = "no token for the service account" + (f" ({code})" if isinstance(code, str) and len(code) <= 60 else "")
    if error.retryable:
        return TransientSinkError(text)
    return PermanentSinkError(f"{text}: check service_account_file, subject and this machine's clock")
