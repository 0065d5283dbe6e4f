# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""A small container engine for tests: it takes what run.sh says to docker or podman, and nothing else.

Its image is this checkout and the Python that runs the tests. A container is a mount name space of its own with a root
directory of its own, in which what is asked for is mounted: no fake of what a configuration says, nor of where files
lie. Options are those of Docker 28 and Podman 4.3, each refused by the other where it has it not.

Environment: STUB_ENGINE, docker or podman; STUB_LOG, a file to which each call adds its arguments as a line of JSON;
STUB_IMAGES, the images that are there; STUB_SECURITY, Docker's security options; STUB_DOWN, a message with which every
call fails; STUB_PATH, the PATH of images without the plugin, which have everything else of this machine.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ENGINE = os.environ.get("STUB_ENGINE", "")
REPO = Path(__file__).parents[2]
IMAGE_DIR = "/opt/pytest-curator-bench"
FLAGS = {"--rm", "--interactive", "--tty"}
PATTERNS = {
    "--user": r"\d+:\d+",
    "--group-add": r"\d+",
    "--network": r"none|host|bridge|[\w.-]+",
    "--pids-limit": r"-1|\d+",
    "--memory": r"\d+[bkmgBKMG]?",
    "--shm-size": r"\d+[bkmgBKMG]?",
    "--env": r"[A-Za-z_]\w*(=.*)?",
    "--entrypoint": r"[\w.-]+|/bin/sh",
    "--workdir": r"/.+",
    "--stop-signal": r"SIG[A-Z]+",
    "--mount": r".+",
    "--security-opt": r"label=disable",
    "--tmpfs": r"/[^:]*:exec,mode=1777",
}
OWN_PATTERNS = {
    "docker": {"--userns": "host", "--gpus": r'all|"device=\d+(,\d+)*"'},
    "podman": {"--userns": "keep-id", "--device": r"nvidia\.com/gpu=(all|\d+)"},
}
BUILD_FLAGS = {"docker": {"--pull", "--no-cache"}, "podman": {"--no-cache"}}
BUILD_PATTERNS = {
    "--file": r".+",
    "--target": r"\w+",
    "--tag": r"[a-z_]+:[\w][\w.-]{0,127}",
    "--label": r"[a-z.]+=.+",
    "--build-arg": r"[A-Z_]+=.+",
}
MOUNT_KEYS = {"type", "source", "target", "readonly", "tmpfs-mode"}


def refuse(message: str) -> NoReturn:
    """End as the engines do when they can't understand or do something."""
    sys.stderr.write(f"{ENGINE}: {message}\n")
    sys.exit(125)


def options_of(words: list[str], flags: set[str], patterns: dict[str, str]) -> dict[str, list[str]]:
    """Take the options off the front of a command line."""
    options: dict[str, list[str]] = {}
    while words and words[0].startswith("--") and words[0] != "--":
        word = words.pop(0)
        if word in flags:
            options.setdefault(word, [])
            continue
        if word not in patterns:
            refuse(f"unknown flag: {word}")
        value = words.pop(0)
        if not re.fullmatch(patterns[word], value, re.DOTALL):
            refuse(f'invalid argument "{value}" for "{word}"')
        options.setdefault(word, []).append(value)
    return options


def build(words: list[str]) -> None:
    """Check the command line of a build; nothing is built."""
    own = {"--format": "docker"} if ENGINE == "podman" else {}
    words = [word for word in words if ENGINE == "docker" or word not in {"--pull=newer", "--pull=never"}]
    options_of(words, BUILD_FLAGS[ENGINE], BUILD_PATTERNS | own)
    if words != ["."]:
        refuse(f"expected one directory, found {words}")


def mount_of(text: str) -> dict[str, str]:
    """The fields of a --mount, checked."""
    rows = list(csv.reader([text], strict=True))
    mount = dict(field.partition("=")[::2] for field in rows[0])
    if unknown := set(mount) - MOUNT_KEYS:
        refuse(f"unknown mount option {unknown}")
    if not Path(mount["target"]).is_absolute():
        refuse(f"invalid mount path: {mount['target']!r} must be absolute")
    if mount["type"] == "bind" and not Path(mount["source"]).exists():
        refuse(f"bind source path does not exist: {mount['source']}")
    return mount


def run(words: list[str]) -> int:
    """Run a container."""
    options = options_of(words, FLAGS, PATTERNS | OWN_PATTERNS[ENGINE])
    if len(words) < 2 or words[0] != "--":
        refuse("expected -- and an image")
    image, arguments = words[1], words[2:]
    check_image(image)
    mounts = [mount_of(text) for text in options.get("--mount", [])]
    mounts.extend(
        {"type": "tmpfs", "target": text.partition(":")[0], "tmpfs-mode": "1777"} for text in options.get("--tmpfs", [])
    )
    targets = [mount["target"] for mount in mounts]
    if len(set(targets)) < len(targets):
        refuse(f"duplicate mount destination in {targets}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": f"/opt/Curator:{IMAGE_DIR}",
        "PYTEST_ADDOPTS": f"-o cache_dir=/tmp/pytest-cache -p no:cacheprovider {os.environ.get('STUB_ADDOPTS', '')}",
        "CURATOR_BENCH_IN_CONTAINER": "1",
    }
    given = set()
    for text in options.get("--env", []):
        name, equals, value = text.partition("=")
        given.add(name)
        if equals or name in os.environ:
            environment[name] = value if equals else os.environ[name]
    match options.get("--entrypoint", [None])[-1]:
        case None:
            command = [sys.executable, "-m", "pytest", *arguments]
        case "curator-bench":
            command = [sys.executable, "-m", "pytest_curator_bench", *arguments]
        case "tini" if arguments[0] == "--":
            command = arguments[1:]
        case "/bin/sh":  # in an image without the plugin
            command = ["/bin/sh", *arguments]
            environment = {name: value for name, value in environment.items() if name in given}
            environment["PATH"] = os.environ.get("STUB_PATH", "/usr/bin:/bin")
        case other:
            refuse(f"no such program in the image: {other} {arguments}")
    image_mounts = [
        {"type": "bind", "source": str(REPO / name), "target": f"{IMAGE_DIR}/{name}", "readonly": ""}
        for name in ("benchmarks", "conftest.py", "pyproject.toml", "pytest_curator_bench")
    ]
    inner = json.dumps([sorted([*image_mounts, *mounts], key=lambda mount: mount["target"].count("/")), command])
    # Root needs no user name space of its own, and others can't do without.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    return subprocess.run(
        [*unshare, sys.executable, __file__, "inside", inner], env=environment, check=False
    ).returncode


def inside(mounts: list[dict[str, str]], command: list[str]) -> NoReturn:
    """In the new name space: make the root directory, mount, and become the command."""
    root = Path("/mnt")
    call("mount", "-t", "tmpfs", "none", str(root))
    for entry in Path("/").iterdir():
        if entry.is_symlink():
            (root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir() and entry != root:
            bind(entry, root / entry.name) if entry != Path("/opt") else (root / "opt").mkdir()
    for entry in Path("/opt").iterdir():
        if entry.is_dir() and not entry.is_symlink():
            bind(entry, root / "opt" / entry.name)
    for mount in mounts:
        target = Path(f"{root}{mount['target']}")
        if mount["type"] == "tmpfs":
            target.mkdir(parents=True, exist_ok=True)
            call("mount", "-t", "tmpfs", "-o", f"mode={mount['tmpfs-mode']}", "none", str(target))
            continue
        bind(Path(mount["source"]), target)
        if "readonly" in mount:
            call("mount", "-o", "remount,bind,ro", str(target))
    os.chroot(root)
    os.chdir(IMAGE_DIR)
    os.execvp(command[0], command)  # noqa: S606 - that is what a container does


def bind(source: Path, target: Path) -> None:
    """Make a file or directory appear at another place, too."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.touch()
    call("mount", "--rbind", str(source), str(target))


def call(*command: str) -> None:
    """Run a program that must not fail."""
    subprocess.run(command, check=True)


def check_image(image: str) -> None:
    """End as the engines do where there is no such image."""
    if image not in os.environ.get("STUB_IMAGES", "curator_benchmarking").split():
        refuse(f"Error: No such image: {image}" if ENGINE == "docker" else f"Error: {image}: image not known")


def main(words: list[str]) -> int:
    """Do what the command line says."""
    if words[0] == "inside":
        inside(*json.loads(words[1]))
    if os.environ.get("STUB_WARNING"):
        sys.stderr.write("WARN[0000] The cgroupv2 manager is set to systemd but there is no systemd user session\n")
    with Path(os.environ["STUB_LOG"]).open("a") as log:
        log.write(json.dumps([ENGINE, *words]) + "\n")
    if (down := os.environ.get("STUB_DOWN")) and words != ["--version"]:
        refuse(down)
    return answer(words)


def answer(words: list[str]) -> int:
    """Do one of the engine's commands."""
    match words:
        case ["image", "inspect", "--format", form, "--", image] if "RepoDigests" in form:
            check_image(image)
            sys.stdout.write(f"localhost/{image}@sha256:1234\n")
        case ["image", "inspect", "--", image]:
            check_image(image)
        case ["info", "--format", "{{.SecurityOptions}}"] if ENGINE == "docker":
            sys.stdout.write(os.environ.get("STUB_SECURITY", "[name=seccomp,profile=builtin]") + "\n")
        case ["info", "--format", "{{.Host.CgroupControllers}}"] if ENGINE == "podman":
            sys.stdout.write(os.environ.get("STUB_CONTROLLERS", "[cpuset cpu io memory pids]") + "\n")
        case ["tag", image, _]:
            check_image(image)
        case ["build", *rest]:
            build(rest)
        case ["--version"]:
            sys.stdout.write(
                {"docker": "Docker version 28.2.2, build e6534b4\n", "podman": "podman version 4.3.1\n"}[ENGINE]
            )
        case ["run", *rest]:
            return run(rest)
        case _:
            refuse(f"unknown command {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
