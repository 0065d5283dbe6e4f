# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""The sink gdrive, against a Drive on loopback that speaks the real protocol: one complete delivery in every case."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import random
import shutil
import stat
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from pytest_curator_bench._util.atomic import open_regular
from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.delivery import worker as worker_module
from pytest_curator_bench.delivery.dispatcher import SinkDispatcher, SinkReport, report_lines
from pytest_curator_bench.sinks import SinkConfigError
from pytest_curator_bench.sinks.files import masked as masked_module
from pytest_curator_bench.sinks.gdrive import api as api_module
from pytest_curator_bench.sinks.gdrive import sink as gdrive_module
from pytest_curator_bench.sinks.gdrive import upload as upload_module
from pytest_curator_bench.sinks.gdrive.sink import GoogleDriveSink
from tests.support.drive_server import DRIVE_ID, FOLDER_TYPE, GRANULE_BYTES, ROOT_ID, DriveServer, StoredFile
from tests.support.sinks import env_data_of, result_of

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("google.auth", reason="the extra gdrive is missing")

ARCHIVE = "s.tar.gz"


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_module, "FIRST_LAST_PAUSE_S", 0.01)
    monkeypatch.setattr(upload_module, "MAX_PART_BYTES", GRANULE_BYTES)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A session with a log of several parts that can't be compressed, and things that nobody wants uploaded."""
    directory = tmp_path / "s"
    files = {
        "session.json": b"{}",
        "a/results.json": b'{"name": "a"}',
        "a/stdouterr.log": random.Random(7).randbytes(4 * GRANULE_BYTES + 1000),  # noqa: S311  # no secret
        "a/empty.txt": b"",
        "a/logs/ray.log": b"deep",
        "a/scratch/large.bin": b"planted-scratch",
        "a/.results.json.123.abcd.tmp": b"planted-temporary",
        "a/script_env.json": b"planted-environment",
        "a/run-1/script_env.json": b"planted-environment",
        "superseded/a__1/results.json": b"{}",
        "superseded/a__1/scratch/large.bin": b"planted-scratch",
        "sinks/other/state/note": b"planted-note",
        "runs/host-1/.reserve/s/b.space": b"planted-reserve",
        "scratch/results.json": b"an entry of this name",
    }
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(b"planted-outside")
    (directory / "a/link").symlink_to(tmp_path / "outside/file")
    (directory / "a/linked").symlink_to(tmp_path / "outside")
    os.mkfifo(directory / "a/pipe")
    return directory


WANTED = {
    "session.json",
    "a/results.json",
    "a/stdouterr.log",
    "a/empty.txt",
    "a/logs/ray.log",
    "superseded/a__1/results.json",
    "scratch/results.json",
}


def deliver(session: Path, drive: DriveServer, masker: Masker | None = None, **settings: Any) -> SinkReport:
    """A whole session through the dispatcher."""
    key_file = session.parent / "key.json"
    key_file.write_text(json.dumps(drive.service_account()))
    config = {
        "name": "gdrive",
        "drive_folder_id": ROOT_ID,
        "service_account_file": "key.json",
        "api_url": drive.url,
        **settings,
    }
    sink = GoogleDriveSink(config)
    sink.name = "gdrive"
    dispatcher = SinkDispatcher([sink], session, env_data_of(session), masker or Masker(), patience_s=60)
    dispatcher.open()
    dispatcher.submit(result_of("a"))
    (report,) = dispatcher.close()
    assert "planted" not in str(report.reason)
    return report


def unpacked(archive: bytes) -> dict[str, bytes]:
    """The files in an archive of the session."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = tar.getmembers()
        assert all(member.isreg() for member in members)
        return {member.name.removeprefix("s/"): tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]  # regular files


def expected(session: Path) -> dict[str, bytes]:
    """What an archive of the session must hold."""
    return {name: (session / name).read_bytes() for name in WANTED}


def nested(files: dict[str, bytes]) -> dict[str, Any]:
    """The same as a tree."""
    tree: dict[str, Any] = {}
    for name, data in files.items():
        *parents, last = name.split("/")
        directory = tree
        for parent in parents:
            directory = directory.setdefault(parent, {})
        directory[last] = data
    return tree


def assert_delivered(session: Path, drive: DriveServer) -> None:
    """One folder with one archive, which is complete; nothing is left behind here."""
    tree = drive.tree()
    assert list(tree) == ["s"]
    assert list(tree["s"]) == [ARCHIVE]
    assert unpacked(tree["s"][ARCHIVE]) == expected(session)
    assert list((session / "sinks/gdrive/state/uploads").iterdir()) == []


def test_an_archive_in_a_folder_of_its_own(session: Path, drive: DriveServer) -> None:
    """Sent in parts; without scratch, links, pipes and temporary files; the summary's line has the link."""
    report = deliver(session, drive)
    assert_delivered(session, drive)
    (folder,) = [file_id for file_id, file in drive.files.items() if file.name == "s"]
    assert report.is_complete
    assert report_lines([report]) == [f"sink gdrive: 1 delivered; https://drive.google.com/drive/folders/{folder}"]
    assert drive.requests.count("put") == 5
    assert drive.subjects == [None]
    assert drive.below(folder)[0].mime_type == "application/gzip"


def test_every_file_by_itself(session: Path, drive: DriveServer) -> None:
    """The directories become folders; empty files arrive, too; a replay sends what has changed."""
    assert deliver(session, drive, format="files").is_complete
    tree = nested(expected(session))
    assert drive.tree() == {"s": tree}
    drive.requests.clear()
    assert deliver(session, drive, format="files").is_complete
    assert set(drive.requests) == {"token", "get", "list"}
    (session / "session.json").write_bytes(b'{"more": 1}')
    (session / "new").mkdir()
    (session / "new/results.json").write_bytes(b"{}")
    drive.requests.clear()
    assert deliver(session, drive, format="files").is_complete
    assert drive.tree() == {"s": {**tree, "session.json": b'{"more": 1}', "new": {"results.json": b"{}"}}}
    assert (drive.requests.count("start"), drive.requests.count("folder")) == (2, 1)


@pytest.mark.parametrize("form", ["archive", "files"])
def test_what_can_not_be_read_is_left_out(
    session: Path, drive: DriveServer, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """With a line for it; the rest of the session arrives."""

    def deny(path: Path) -> int:
        if path.name == "empty.txt":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return open_regular(path)

    monkeypatch.setattr(masked_module, "open_regular", deny)
    report = deliver(session, drive, format=form)
    assert report.is_complete
    assert report.left_out == ("the session: a/empty.txt: it can't be read: Permission denied",)
    tree = drive.tree()["s"]
    assert WANTED - {"a/empty.txt"} == (
        set(unpacked(tree[ARCHIVE])) if form == "archive" else set(expected(session)) - {"a/empty.txt"}
    )
    assert form == "archive" or "empty.txt" not in tree["a"]


@pytest.mark.parametrize("form", ["archive", "files"])
def test_secrets_in_what_scripts_write_are_not_uploaded(session: Path, drive: DriveServer, form: str) -> None:
    """Text files go without them; binary ones as they are."""
    (session / "a/stdouterr.log").write_bytes(b"called with planted-1 and \xff")
    (session / "a/params.json").write_text('{"argument": "planted-1"}')
    (session / "a/tasks.pkl").write_bytes(b"...planted-1...")
    assert deliver(session, drive, masker=Masker(["planted-1"]), format=form).is_complete
    tree = drive.tree()["s"]
    found = nested(unpacked(tree[ARCHIVE])) if form == "archive" else tree
    assert found["a"]["stdouterr.log"] == b"called with *** and \xff"
    assert found["a"]["params.json"] == b'{"argument": "***"}'
    assert found["a"]["tasks.pkl"] == b"...planted-1..."


def test_the_same_again(session: Path, drive: DriveServer) -> None:
    """The same content is not sent twice, from a copy of the session neither; what has changed is a new revision."""
    deliver(session, drive)
    copy = session.parent / "copies" / "s"
    shutil.rmtree(session / "sinks")
    (session / "a/pipe").unlink()
    shutil.copytree(session, copy, symlinks=True, copy_function=shutil.copyfile)
    drive.requests.clear()
    assert deliver(copy, drive).is_complete
    assert drive.requests == ["token", "get", "list"]
    (copy / "session.json").write_bytes(b'{"more": 1}')
    assert deliver(copy, drive).is_complete
    assert_delivered(copy, drive)
    assert [file.revisions for file in drive.files.values() if file.name == ARCHIVE] == [2]


@pytest.mark.parametrize("place", ["token", "get", "list", "ids", "folder", "start", "put", "ask"])
@pytest.mark.parametrize(
    "fault",
    [
        (503, "backendError"),
        (429, "rateLimitExceeded", ("Retry-After", "0")),
        (403, "userRateLimitExceeded"),
        ("reset",),
        ("lose",),
    ],
    ids=str,
)
def test_trouble_with_one_request(session: Path, drive: DriveServer, place: str, fault: tuple[Any, ...]) -> None:
    """Whichever request it is, and whether it was carried out or not: one complete delivery."""
    drive.faults = {place: [fault]}
    if place == "ask":
        drive.faults["put"] = [("cut",)]  # nobody asks without need
    report = deliver(session, drive)
    if (place, fault[0]) == ("token", 403):
        assert not report.is_complete  # a refusal: tokens know no such reason
        report = deliver(session, drive)
    assert report.is_complete
    assert drive.faults[place] == []
    assert_delivered(session, drive)


@pytest.mark.parametrize(
    ("faults", "sent_parts"),
    [
        pytest.param([(), ("cut",)], 6, id="cut at half: what came of the part is sent again"),
        pytest.param([(), ("half",)], 6, id="less taken than sent"),
        pytest.param([(), (), ("lose",)], 5, id="an answer lost, in the middle: nothing is sent again"),
        pytest.param([(), (), (), (), ("lose",)], 5, id="the last answer lost"),
        pytest.param([("cut",)] * 3, 8, id="cut three times at the same place"),
        pytest.param([(), (), ("expire",)], 8, id="the upload is forgotten: anew"),
        pytest.param(
            [(), (), (), (), ("lose", "expire")], 5, id="all has come, the answer is lost, the upload forgotten"
        ),
        pytest.param([(), ("revoke",)], 6, id="the token is no longer valid: a new one"),
        pytest.param([(), (), (), (), ("damage",)], 10, id="another checksum: replaced"),
        pytest.param([(500, "backendError"), (502, "backendError"), ("reset",)], 8, id="several in a row"),
    ],
)
def test_broken_uploads(session: Path, drive: DriveServer, faults: list[tuple[Any, ...]], sent_parts: int) -> None:
    """It goes on where Drive has got to, and begins anew only if it must."""
    drive.faults = {"put": faults}
    report = deliver(session, drive)
    assert report.is_complete
    assert_delivered(session, drive)
    assert drive.requests.count("put") == sent_parts


def test_a_replay_goes_on(session: Path, drive: DriveServer) -> None:
    """An upload that failed half-way is continued by a later call; its address is for its owner's eyes alone."""
    drive.faults = {"put": [(), (), *[("reset",)] * 100], "ask": [("reset",)] * 100}
    report = deliver(session, drive)
    assert (report.is_finalized, report.kept, report.link) == (False, (), None)
    assert report.reason == "finalize: asking for the upload's state: no answer from 127.0.0.1: ConnectionError"
    assert drive.tree() == {"s": {}}
    uploads = session / "sinks/gdrive/state/uploads"
    assert stat.S_IMODE(uploads.stat().st_mode) == 0o700
    assert len(list(uploads.iterdir())) == 1
    drive.faults.clear()
    drive.requests.clear()
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)
    assert [what for what in drive.requests if what in {"start", "ask", "put"}] == ["ask", "put", "put", "put"]


def test_a_replay_after_a_change(session: Path, drive: DriveServer) -> None:
    """What was sent of another content is not continued."""
    drive.faults = {"put": [(), (), *[("reset",)] * 100], "ask": [("reset",)] * 100}
    deliver(session, drive)
    (session / "session.json").write_bytes(b'{"more": 1}')
    drive.faults.clear()
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)


def test_a_forged_receipt(session: Path, drive: DriveServer) -> None:
    """The token goes to no other host than the API's, whatever a receipt says."""
    drive.faults = {"put": [(), (), *[("reset",)] * 100], "ask": [("reset",)] * 100}
    deliver(session, drive)
    (receipt,) = (session / "sinks/gdrive/state/uploads").iterdir()
    forged = {**json.loads(receipt.read_bytes()), "url": "http://127.0.0.1:1/upload"}
    receipt.write_text(json.dumps(forged))
    drive.faults.clear()
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)


def test_a_drive_that_hangs(session: Path, drive: DriveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request has a limit; after it the next try goes on."""
    monkeypatch.setattr(api_module, "REQUEST_TIMEOUT_S", 0.5)
    drive.faults = {"put": [(), ("hang",)]}
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"get": [(404, "notFound")]}, "check drive_folder_id, and share that folder with the service account"),
        ({"start": [(403, "storageQuotaExceeded")]}, "use a folder of a shared drive, or set subject"),
        ({"folder": [(403, "insufficientFilePermissions")]}, "share the folder with the service account"),
        ({"get": [(403, "accessNotConfigured")]}, "enable the Google Drive API"),
        ({"token": [(400, "x")]}, "check service_account_file, subject and this machine's clock"),
        ({"put": [(403, "somethingNew")]}, "uploading: Drive answered with status 403 (somethingNew)"),
    ],
    ids=str,
)
def test_refusals(session: Path, drive: DriveServer, faults: dict[str, list[tuple[Any, ...]]], reason: str) -> None:
    """They are not repeated, say what to do, and leave everything to a replay."""
    drive.faults = faults
    (place,) = faults
    report = deliver(session, drive)
    assert reason in str(report.reason)
    assert (report.is_complete, drive.requests.count(place)) == (False, 1)
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)


def test_folders_that_will_not_do(session: Path, drive: DriveServer) -> None:
    """A file, and a folder that can only be read, are found out when the session begins."""
    drive.can_add_children = False
    assert "can be seen, but not written" in str(deliver(session, drive).reason)
    drive.files["a_file"] = StoredFile("x", [DRIVE_ID], "text/plain")
    assert "ID of a file" in str(deliver(session, drive, drive_folder_id="a_file").reason)
    assert [file.mime_type for file in drive.files.values()] == [FOLDER_TYPE, "text/plain"]


def test_somebodys_own_drive(session: Path, drive: DriveServer) -> None:
    """By delegation: the token is asked for in the name of the user, and no shared drive is looked into."""
    drive.drive_id = None
    assert deliver(session, drive, subject="someone@example.com").is_complete
    assert_delivered(session, drive)
    drive.requests.clear()
    assert deliver(session, drive, subject="someone@example.com").is_complete
    assert drive.subjects == ["someone@example.com"] * 2
    assert "put" not in drive.requests


def test_parts_grow(session: Path, drive: DriveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a line that is fast enough: 1, 2 and 4 times the smallest, then the rest; smallest again after a failure."""
    monkeypatch.setattr(upload_module, "MAX_PART_BYTES", 4 * GRANULE_BYTES)
    monkeypatch.setattr(upload_module, "PART_TARGET_S", 3600.0)
    (session / "a/stdouterr.log").write_bytes(random.Random(7).randbytes(12 * GRANULE_BYTES))  # noqa: S311  # no secret
    drive.faults = {"put": [(), (), ("reset",)]}
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)
    *parts, _ = [size / GRANULE_BYTES for size in drive.part_sizes]
    assert parts == [1, 2, 1, 2, 4]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        ("{", "is no service account's key"),
        ("[]", "is no service account's key"),
        ('{"type": "authorized_user", "private_key": "planted"}', "is no service account's key"),
        ('{"type": "service_account", "private_key": "planted"}', "is no service account's key"),
    ],
)
def test_keys_that_are_none(session: Path, drive: DriveServer, content: str | None, reason: str) -> None:
    """The message names the file, and shows nothing of it."""
    other = session.parent / "other.json"
    if content is not None:
        other.write_text(content)
    report = deliver(session, drive, service_account_file="other.json")
    assert f"service_account_file {other} {reason}" in str(report.reason)
    assert drive.requests == []


def test_two_at_once(session: Path, drive: DriveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another run uploads the session, this one waits, and not for ever."""
    monkeypatch.setattr(gdrive_module, "LOCK_WAIT_S", 0.2)
    state = session / "sinks/gdrive/state"
    state.mkdir(parents=True)
    with (state / "upload.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report = deliver(session, drive)
    assert report.reason == "finalize: another run of the session is uploading it"
    assert deliver(session, drive).is_complete
    assert_delivered(session, drive)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"drive_folder_id": None}, "drive_folder_id"),
        ({"drive_folder_id": "https://drive.google.com/drive/folders/planted"}, "drive_folder_id"),
        ({"drive_folder_id": "planted' or '"}, "drive_folder_id"),
        ({"service_account_file": ""}, "service_account_file"),
        ({"format": "zip"}, "format"),
        ({"folder": "planted"}, "folder"),
        ({"api_url": "http://planted.example.com"}, "api_url"),
        ({"api_url": "https://planted.example.com/path"}, "api_url"),
        ({"api_url": "https://user@planted.example.com"}, "api_url"),
        ({"api_url": "https://[::1"}, "api_url"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], key: str) -> None:
    """Each is told by its key, and never with its value; a token goes nowhere unencrypted but to this machine."""
    with pytest.raises(SinkConfigError) as caught:
        GoogleDriveSink({"name": "gdrive", "drive_folder_id": "x", "service_account_file": "key.json", **settings})
    assert [problem[0] for problem in caught.value.problems] == [key]
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("missing", ["google.auth", "requests"])
def test_a_missing_library(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SinkConfigError, match=r"pip install 'pytest-curator-bench\[gdrive\]'"):
        GoogleDriveSink({"name": "gdrive", "drive_folder_id": "x", "service_account_file": "key.json"})
