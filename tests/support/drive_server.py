# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A Google Drive on loopback: token exchange, shared drives, resumable uploads; as strict as the real one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.loopback import StrictServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

FOLDER_TYPE = "application/vnd.google-apps.folder"
SCOPE = "https://www.googleapis.com/auth/drive"
GRANULE_BYTES = 256 << 10
CLIENT_EMAIL = "bench@project.iam.gserviceaccount.com"
# Google's own address, whatever the key's token_uri is.
AUDIENCE = "https://oauth2.googleapis.com/token"
ROOT_ID, DRIVE_ID = "planted_folder-1", "shared_drive-1"
_QUERY = re.compile(r"appProperties has \{ key='(\w+)' and value='(\w+)' \} and trashed = false")


@dataclass
class StoredFile:
    """A file or folder."""

    name: str
    parents: list[str]
    mime_type: str
    properties: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    revisions: int = 0


@dataclass
class Upload:
    """A resumable upload that has begun."""

    file_id: str
    metadata: dict[str, Any]
    media_type: str
    size: int
    received: bytes = b""
    is_done: bool = False


class DriveServer(StrictServer):
    """One shared drive with one folder; ``faults`` are what it does instead, by kind of request, in order."""

    def __init__(self, key: RSAPrivateKey) -> None:
        super().__init__(Handler)
        self.key = key
        self.lock = threading.RLock()
        self.faults: dict[str, list[tuple[Any, ...]]] = {}
        self.requests: list[str] = []
        self.subjects: list[str | None] = []
        self.tokens: set[str] = set()
        self.new_ids: set[str] = set()
        self.uploads: dict[str, Upload] = {}
        self.files = {ROOT_ID: StoredFile("results", [DRIVE_ID], FOLDER_TYPE)}
        self.part_sizes: list[int] = []
        self.can_add_children = True
        self.drive_id: str | None = DRIVE_ID  # None: the folder is in somebody's own drive
        self.page_size = 2

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def service_account(self) -> dict[str, str]:
        """The service account's key file."""
        from cryptography.hazmat.primitives import serialization

        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": pem.decode(),
            "client_email": CLIENT_EMAIL,
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }

    def below(self, parent: str) -> list[StoredFile]:
        """What lies in a folder."""
        return [file for file in self.files.values() if file.parents == [parent]]

    def tree(self, parent: str = ROOT_ID) -> dict[str, Any]:
        """Everything below a folder by name: contents of files, dictionaries of folders; names occur once."""
        found: dict[str, Any] = {}
        for file_id, file in list(self.files.items()):
            if file.parents == [parent]:
                assert file.name not in found, f"two of {file.name}"
                found[file.name] = self.tree(file_id) if file.mime_type == FOLDER_TYPE else file.content
        return found

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: DriveServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: else each answer waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        """Look at something."""
        self._handle(b"")

    def do_POST(self) -> None:
        """Make something, or begin an upload."""
        self._handle(None)

    do_PATCH = do_POST  # noqa: N815  # http.server's names
    do_PUT = do_POST  # noqa: N815  # the same

    def _handle(self, body: bytes | None) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        kind, action = self._route(url.path)
        with self.server.lock:
            self.server.requests.append(kind)
            plan = self.server.faults.get(kind)
            fault = plan.pop(0) if plan else ()
        if fault == ("cut",):
            length = int(self.headers["Content-Length"]) // 2
            self._receive(self.rfile.read(length))
            self._reset()
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0))) if body is None else body
        match fault:
            case ("hang",):
                self.server.released.wait(60)
                self.close_connection = True
                return
            case ("reset",):
                self._reset()
                return
            case (int() as status, str() as reason, *headers):
                self._answer(status, _error(status, reason), dict(headers))
                return
            case ("expire",):
                self.server.uploads.clear()
            case ("revoke",):
                self.server.tokens.clear()
        with self.server.lock:
            if kind != "token" and self.headers.get("Authorization", "") not in {
                f"Bearer {token}" for token in self.server.tokens
            }:
                self._answer(401, _error(401, "authError"))
                return
            status, answer, headers = action(fault)
        if fault[:1] == ("lose",):
            if "expire" in fault:
                self.server.uploads.clear()
            self._reset()
        else:
            self._answer(status, answer, headers)

    def _route(self, path: str) -> tuple[str, Any]:  # noqa: PLR0911  # one kind of request a line
        match self.command, path.strip("/").split("/"):
            case "POST", ["token"]:
                return "token", self._token
            case "GET", ["drive", "v3", "files"]:
                return "list", self._list
            case "GET", ["drive", "v3", "files", "generateIds"]:
                return "ids", self._ids
            case "GET", ["drive", "v3", "files", file_id]:
                return "get", lambda _: self._get(file_id)
            case "POST", ["drive", "v3", "files"]:
                return "folder", self._folder
            case "POST", ["upload", "drive", "v3", "files"]:
                return "start", lambda _: self._start(None)
            case "PATCH", ["upload", "drive", "v3", "files", file_id]:
                return "start", lambda _: self._start(file_id)
            case "PUT", ["upload", "drive", "v3", "files"]:
                is_question = self.headers.get("Content-Range", "").startswith("bytes */")
                return ("ask", self._ask) if is_question else ("put", self._put)
        return "unknown", lambda _: self._refuse(404, f"{self.command} {path}")

    # --- token ---

    def _token(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        del fault
        form = parse_qs(self.body.decode())
        problem = self._assertion_problem(form)
        if problem:
            return self._refuse(400, problem, {"error": "invalid_grant", "error_description": problem})
        token = f"planted-token-{secrets.token_hex(8)}"
        self.server.tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}, {}

    def _assertion_problem(self, form: dict[str, list[str]]) -> str | None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        if form.get("grant_type") != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            return "grant type"
        signed, _, signature = form["assertion"][0].rpartition(".")
        try:
            self.server.key.public_key().verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return "signature"
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        if header != {"alg": "RS256", "typ": "JWT", "kid": "key-1"}:
            return f"header {header}"
        if (claims["iss"], claims["scope"], claims["aud"]) != (CLIENT_EMAIL, SCOPE, AUDIENCE):
            return f"claims {claims}"
        if not (claims["iat"] - 60 <= time.time() <= claims["exp"] <= claims["iat"] + 3600):
            return "times"
        self.server.subjects.append(claims.get("sub"))
        return None

    # --- files ---

    def _list(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        del fault
        match = _QUERY.fullmatch(self.query["q"])
        drive_id = self.server.drive_id
        wanted = {
            "corpora": "drive" if drive_id else "user",
            "driveId": drive_id,
            "includeItemsFromAllDrives": "true",
            "supportsAllDrives": "true",
            "orderBy": "createdTime",
        }
        if match is None or {key: self.query.get(key) for key in wanted} != wanted:
            return self._refuse(400, f"query {self.query}")
        found = [
            self._resource(file_id)
            for file_id, file in self.server.files.items()
            if file.properties.get(match[1]) == match[2]
        ]
        begin = int(self.query.get("pageToken", 0))
        end = begin + min(self.server.page_size, int(self.query["pageSize"]))
        more = {"nextPageToken": str(end)} if end < len(found) else {}
        return 200, {"files": found[begin:end], **more}, {}

    def _ids(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        del fault
        ids = [f"id_{secrets.token_hex(8)}" for _ in range(int(self.query["count"]))]
        self.server.new_ids.update(ids)
        return 200, {"kind": "drive#generatedIds", "space": "drive", "ids": ids}, {}

    def _get(self, file_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        if file_id not in self.server.files:
            return 404, _error(404, "notFound"), {}
        if self.query.get("supportsAllDrives") != "true":
            return self._refuse(404, "a file of a shared drive without supportsAllDrives")
        return 200, self._resource(file_id), {}

    def _folder(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        del fault
        data = json.loads(self.body)
        if data["mimeType"] != FOLDER_TYPE:
            return self._refuse(400, f"metadata alone of a {data['mimeType']}")
        problem = self._metadata_problem(data)
        if problem:
            return problem
        self.server.files[data["id"]] = StoredFile(
            data["name"], data["parents"], FOLDER_TYPE, data.get("appProperties", {})
        )
        return 200, self._resource(data["id"]), {}

    def _metadata_problem(self, data: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        properties = data.get("appProperties", {})
        if self.query.get("supportsAllDrives") != "true":
            return self._refuse(404, "a folder of a shared drive without supportsAllDrives")
        if len(data["parents"]) != 1 or self._kind(data["parents"][0]) != FOLDER_TYPE:
            return self._refuse(404, f"parents {data['parents']}")
        if any(len(f"{key}{value}".encode()) > 124 for key, value in properties.items()):
            return self._refuse(400, f"properties {properties}")
        if data["id"] in self.server.files:
            return 409, _error(409, "fileIdInUse"), {}
        if data["id"] not in self.server.new_ids:
            return self._refuse(400, f"an ID that was not generated: {data['id']}")
        return None

    # --- uploads ---

    def _start(self, file_id: str | None) -> tuple[int, dict[str, Any], dict[str, str]]:
        metadata = json.loads(self.body)
        if self.query.get("uploadType") != "resumable":
            return self._refuse(400, "upload type")
        if file_id is None:
            problem = self._metadata_problem(metadata)
            if problem:
                return problem
        elif file_id not in self.server.files:
            return self._refuse(404, f"no file {file_id}")
        upload_id = secrets.token_hex(8)
        self.server.uploads[upload_id] = Upload(
            file_id=file_id or metadata["id"],
            metadata=metadata,
            media_type=self.headers["X-Upload-Content-Type"],
            size=int(self.headers["X-Upload-Content-Length"]),
        )
        where = f"{self.server.url}/upload/drive/v3/files?uploadType=resumable&upload_id=planted-upload-{upload_id}"
        return 200, {}, {"Location": where}

    def _upload(self) -> Upload | None:
        return self.server.uploads.get(self.query.get("upload_id", "").removeprefix("planted-upload-"))

    def _put(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        upload = self._upload()
        if upload is None:
            return 404, _error(404, "notFound"), {}
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"])
        if match is None or upload.is_done:
            return self._refuse(400, f"range {self.headers['Content-Range']}, done: {upload.is_done}")
        first, last, total = map(int, match.groups())
        if total != upload.size or first != len(upload.received) or last - first + 1 != len(self.body):
            return self._refuse(400, f"range {match[0]} with {len(self.body)} bytes at {len(upload.received)}")
        self.server.part_sizes.append(len(self.body))
        if last + 1 != total and len(self.body) % GRANULE_BYTES:
            return self._refuse(400, f"a part of {len(self.body)} bytes")
        self._receive(self.body[: len(self.body) // 2] if fault == ("half",) else self.body)
        return self._ask(fault)

    def _receive(self, data: bytes) -> None:
        """Keep what came; of an incomplete part only whole granules, as Google does."""
        upload = self._upload()
        assert upload is not None
        is_all = len(upload.received) + len(data) == upload.size
        upload.received += data if is_all else data[: len(data) // GRANULE_BYTES * GRANULE_BYTES]

    def _ask(self, fault: tuple[Any, ...]) -> tuple[int, dict[str, Any], dict[str, str]]:
        upload = self._upload()
        if upload is None:
            return 404, _error(404, "notFound"), {}
        if len(upload.received) < upload.size:
            held = len(upload.received)
            return 308, {}, {"Range": f"bytes=0-{held - 1}"} if held else {}
        if not upload.is_done:
            self._store(upload, damaged=fault == ("damage",))
        return 200, self._resource(upload.file_id), {}

    def _store(self, upload: Upload, *, damaged: bool) -> None:
        file = self.server.files.get(upload.file_id)
        if file is None:
            data = upload.metadata
            file = StoredFile(data["name"], data["parents"], upload.media_type, data.get("appProperties", {}))
            self.server.files[upload.file_id] = file
        file.content = upload.received[:-1] + b"?" if damaged else upload.received
        file.revisions += 1
        upload.is_done = True

    # --- answers ---

    def _kind(self, file_id: str) -> str | None:
        file = self.server.files.get(file_id)
        return file.mime_type if file is not None else None

    def _resource(self, file_id: str) -> dict[str, Any]:
        """The file as the API shows it, with the fields that were asked for."""
        file = self.server.files[file_id]
        is_folder = file.mime_type == FOLDER_TYPE
        whole = {
            "id": file_id,
            "name": file.name,
            "mimeType": file.mime_type,
            "driveId": self.server.drive_id,
            "appProperties": file.properties,
            "capabilities": {"canAddChildren": is_folder and self.server.can_add_children},
            "webViewLink": f"https://drive.google.com/drive/folders/{file_id}",
        }
        if not is_folder:
            whole["md5Checksum"] = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
        fields = self.query.get("fields", "id,appProperties,md5Checksum,webViewLink")
        return {key: value for key, value in whole.items() if value is not None and re.search(rf"\b{key}\b", fields)}

    def _refuse(
        self, status: int, problem: str, answer: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        self.server.refused.append(problem)
        return status, answer or _error(status, "badRequest"), {}

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _answer(self, status: int, data: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(data).encode() if data else b""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _error(status: int, reason: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": "planted-message", "errors": [{"domain": "global", "reason": reason}]}}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture(scope="session")
def drive_key() -> RSAPrivateKey:
    """A service account's key pair."""
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa", reason="the extra gdrive is missing")
    key: RSAPrivateKey = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key


@pytest.fixture
def drive(drive_key: RSAPrivateKey) -> Iterator[DriveServer]:
    """A running Drive, gone afterwards; it has had nothing to object to."""
    with serving(DriveServer(drive_key)) as server:
        yield server
