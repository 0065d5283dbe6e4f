# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""``benchmarks/tools``: what they say to docker and podman.

No engine is there in CI. ``tests/support/stub_engine.py`` takes its place: it refuses what the real ones would, and runs
containers in mount name spaces, so that configurations are really read where run.sh mounts them.
``tests/container/check_image.sh`` is for the real ones.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bench_project import UNTIL_WAITED_FOR, WITHOUT_OTHER_PLUGINS
from tests.support.processes import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.bench_project import Project

REPO = Path(__file__).parents[2]
TOOLS = REPO / "benchmarks" / "tools"
# All that the tools need of the host, besides an engine.
PROGRAMS = (
    *("awk", "basename", "bash", "cat", "cut", "df", "dirname", "env", "find", "git", "id", "mkdir", "mktemp"),
    *("mv", "realpath", "rm", "sed", "sha256sum", "sort", "tail", "tr", "uname", "xargs"),
)
IMAGE_DIR = "/opt/pytest-curator-bench"
ENGINES = pytest.mark.parametrize("engine", ["docker", "podman"])


def by_turns(cases: list[Any]) -> list[Any]:
    """The cases with an engine each, now this one and now that; with both where they are told different words."""
    turns = itertools.cycle(("docker", "podman"))
    return [
        pytest.param(engine, *case, id=" ".join([engine, *map(str, case[:-1])]))
        for case in cases
        for engine in (case[-1] if isinstance(case[-1], dict) and "" not in case[-1] else [next(turns)])
    ]


class Host:
    """A machine with some engines, as run.sh meets it."""

    def __init__(self, path: Path, project: Path) -> None:
        self.bin = path / "bin"
        self.home = path / "home dir"
        self.log = path / "calls"
        for directory in (self.bin, self.home):
            directory.mkdir()
        for program in PROGRAMS:
            found = shutil.which(program)
            assert found, program
            (self.bin / program).symlink_to(found)
        self.project = project
        self.results = path / "results dir"
        self.leases = path / "leases"
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "STUB_LOG": str(self.log),
            "CURATOR_BENCH_RESULTS_DIR": str(self.results),
            "CURATOR_BENCH_LEASES_DIR": str(path / "leases"),
            "GPUS": "none",
            "STUB_ADDOPTS": WITHOUT_OTHER_PLUGINS,
        }

    def program(self, name: str, text: str) -> None:
        """Put a program into the only directory that programs are looked for in."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def install(self, engine: str, name: str = "") -> None:
        """Have that engine, perhaps by another name."""
        stub = REPO / "tests" / "support" / "stub_engine.py"
        self.program(name or engine, f'STUB_ENGINE={engine} exec {sys.executable} {shlex.quote(str(stub))} "$@"')

    def run(self, tool: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call one of the tools."""
        return subprocess.run(
            ["bash", str(TOOLS / tool), *arguments],
            cwd=self.project,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def dry_run(self, *arguments: str, **environment: str) -> list[str]:
        """The words that ``run.sh --dry-run`` prints; it must have worked."""
        done = self.run("run.sh", "--dry-run", *arguments, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1
        return words_of(done.stdout)

    @property
    def calls(self) -> list[list[str]]:
        """What engines were called with."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def host(tmp_path: Path, project: Project) -> Host:
    """A machine with docker and podman."""
    path = tmp_path / "host"
    path.mkdir()
    machine = Host(path, project.path)
    machine.install("docker")
    machine.install("podman")
    return machine


def words_of(line: str) -> list[str]:
    """The words that bash reads in a line."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


def follows(words: list[str], *wanted: str) -> bool:
    """Whether the words stand in a command one behind the other."""
    return any(words[index : index + len(wanted)] == list(wanted) for index in range(len(words)))


def values(words: list[str], option: str) -> list[str]:
    """The values that an option has in a command, up to ``--``."""
    words = words[: words.index("--")]
    return [words[index + 1] for index, word in enumerate(words) if word == option]


@ENGINES
def test_the_images_own_benchmarks(host: Host, engine: str) -> None:
    """Results go to the host as whoever calls; who and what the image is, is handed in. A dry run makes nothing."""
    words = host.dry_run("-k", "cc_extraction or 'x y'", CONTAINER_ENGINE=engine)
    assert words[:3] == [engine, "run", "--rm"]
    assert values(words, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert set(values(words, "--env")) >= {
        "IMAGE_DIGEST=localhost/curator_benchmarking@sha256:1234",
        f"HOST_HOSTNAME={os.uname().nodename}",
        f"HOME={host.home}",
        f"CURATOR_BENCH_RESULTS_DIR=/MOUNT{host.results}",
        f"CURATOR_BENCH_LEASES_DIR=/MOUNT{host.leases}",
    }
    assert values(words, "--tmpfs") == [f"{host.home}:exec,mode=1777"]
    assert values(words, "--mount") == [
        f"type=bind,source={host.leases},target=/MOUNT{host.leases}",
        f"type=bind,source={host.results},target=/MOUNT{host.results}",
    ]
    assert values(words, "--security-opt") == ["label=disable"]
    assert values(words, "--pids-limit") == ["-1"]
    total_kib = next(line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line)
    assert values(words, "--memory") == [f"{total_kib}k"]
    shared = os.statvfs("/dev/shm")
    assert values(words, "--shm-size") == [str(shared.f_blocks * shared.f_frsize)]
    assert words[words.index("--") :] == ["--", "curator_benchmarking", "-k", "cc_extraction or 'x y'"]
    assert not host.results.exists()
    assert not host.leases.exists()
    assert not set(words) & {"--tty", "--interactive", "--gpus", "--device", "--network"}


def test_the_first_engine_that_is_there(host: Host) -> None:
    """Docker goes before podman."""
    assert host.dry_run()[0] == "docker"
    (host.bin / "docker").unlink()
    assert host.dry_run()[0] == "podman"


SETTINGS: list[tuple[Mapping[str, str], list[str], Mapping[str, list[str]]]] = [
    ({"GPUS": "all"}, [], {"docker": ["--gpus", "all"], "podman": ["--device", "nvidia.com/gpu=all"]}),
    (
        {"GPUS": "0,3"},
        [],
        {
            "docker": ["--gpus", '"device=0,3"'],
            "podman": ["--device", "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=3"],
        },
    ),
    ({"MEMORY": "64g"}, [], {"": ["--memory", "64g"]}),
    ({"SHM_SIZE": "32g"}, [], {"": ["--shm-size", "32g"]}),
    ({"NETWORK": "host"}, [], {"": ["--network", "host"]}),
    ({"IMAGE": "mine:1", "STUB_IMAGES": "mine:1"}, [], {"": ["--", "mine:1"]}),
    ({"WORD": "a b"}, ["--env", "WORD"], {"": ["--env", "WORD"]}),
    ({}, ["--env", "WORD=a b"], {"": ["--env", "WORD=a b"]}),
    ({}, ["--env=WORD=a b"], {"": ["--env", "WORD=a b"]}),
    ({"NVIDIA_API_KEY": "x"}, [], {"": ["--env", "NVIDIA_API_KEY"]}),
    ({"HF_TOKEN": "x"}, [], {"": ["--env", "HF_TOKEN"]}),
    ({"MLFLOW_TRACKING_URI": "http://x"}, [], {"": ["--env", "MLFLOW_TRACKING_URI"]}),
    ({}, ["--shell"], {"": ["--entrypoint", "tini", "--", "curator_benchmarking", "--", "bash"]}),
    ({}, ["--shell", "ls | wc"], {"": ["tini", "--", "curator_benchmarking", "--", "bash", "-c", "ls | wc"]}),
    ({}, ["--shell", "ls", "a b", "--env"], {"": ["tini", "--", "curator_benchmarking", "--", "ls", "a b", "--env"]}),
    ({}, ["-x", "--", "--help"], {"": ["curator_benchmarking", "-x", "--help"]}),
    ({}, ["benchmarks/config.yaml::cc_extraction"], {"": ["curator_benchmarking", "benchmarks/config.yaml::cc_extraction"]}),
    ({}, ["--bench-config=config.yaml"], {"": [f"--bench-config={IMAGE_DIR}/benchmarks/config.yaml"]}),
]  # fmt: skip


@pytest.mark.parametrize(("engine", "environment", "arguments", "expected"), by_turns(SETTINGS))
def test_settings(
    host: Host, engine: str, environment: Mapping[str, str], arguments: list[str], expected: Mapping[str, list[str]]
) -> None:
    """Each option and variable shows in the command, in the words of the engine; the command can be pasted."""
    words = host.dry_run(*arguments, CONTAINER_ENGINE=engine, **environment)
    assert follows(words, *(expected.get(engine) or expected[""])), words


@ENGINES
def test_no_limit_of_memory(host: Host, engine: str) -> None:
    """``MEMORY=none`` leaves it to the engine."""
    assert "--memory" not in host.dry_run(CONTAINER_ENGINE=engine, MEMORY="none")


def test_gpus_where_there_are_none(host: Host) -> None:
    """``GPUS=none`` asks for none, as does a machine without NVIDIA devices."""
    words = host.dry_run(GPUS="none")
    assert "--gpus" not in words


@ENGINES
def test_secrets_stand_on_no_command_line(host: Host, engine: str) -> None:
    """Variables of the allow-list go in by name; others don't go in at all."""
    words = host.dry_run(CONTAINER_ENGINE=engine, SLACK_BOT_TOKEN="planted", OTHER_TOKEN="planted")  # noqa: S106
    assert "SLACK_BOT_TOKEN" in values(words, "--env")
    assert "planted" not in " ".join(words)
    assert "OTHER_TOKEN" not in " ".join(words)
    assert "planted" not in host.log.read_text()


def test_key_files_are_mounted(host: Host) -> None:
    """A variable that names a file names it inside, too."""
    key = host.home / "key file.json"
    key.write_text("{}")
    words = host.dry_run(GOOGLE_APPLICATION_CREDENTIALS=str(key))
    assert f"GOOGLE_APPLICATION_CREDENTIALS=/MOUNT{key}" in values(words, "--env")
    assert f"type=bind,source={key},target=/MOUNT{key},readonly" in values(words, "--mount")


def test_users(host: Host) -> None:
    """Whoever calls owns the results: as themselves, with their groups, or as the root of a daemon that they run."""
    host.program("id", 'case $1 in -u) echo 1000 ;; -g) echo 1001 ;; -G) echo 1001 27 ;; esac')  # fmt: skip
    words = host.dry_run(CONTAINER_ENGINE="docker")
    assert follows(words, "--user", "1000:1001", "--group-add", "27")
    words = host.dry_run(CONTAINER_ENGINE="docker", STUB_SECURITY="[name=seccomp,profile=builtin name=rootless]")
    assert (values(words, "--user"), values(words, "--group-add")) == (["0:0"], [])
    words = host.dry_run(CONTAINER_ENGINE="podman")
    assert follows(words, "--user", "1000:1001", "--userns", "keep-id")
    words = host.dry_run(CONTAINER_ENGINE="docker", STUB_SECURITY="[name=seccomp,profile=builtin name=userns]")
    assert follows(words, "--user", "1000:1001", "--userns", "host", "--group-add", "27")


def test_podman_that_is_called_docker(host: Host) -> None:
    """What counts is what it says of itself."""
    host.program("id", 'case $1 in -u) echo 1000 ;; -g) echo 1001 ;; -G) echo 1001 27 ;; esac')  # fmt: skip
    host.install("podman", "docker")
    words = host.dry_run(CONTAINER_ENGINE="docker", GPUS="all")
    assert words[0] == "docker"
    assert follows(words, "--userns", "keep-id")
    assert follows(words, "--device", "nvidia.com/gpu=all")


def test_podman_without_a_say_in_pids(host: Host) -> None:
    """Where control groups aren't delegated, podman refuses that option."""
    words = host.dry_run(CONTAINER_ENGINE="podman", STUB_CONTROLLERS="[memory]")
    assert "--pids-limit" not in words


@ENGINES
def test_warnings_of_the_engine_are_none_of_the_digest(host: Host, engine: str) -> None:
    """They come on standard error."""
    done = host.run("run.sh", "--dry-run", CONTAINER_ENGINE=engine, STUB_WARNING="1")
    assert "IMAGE_DIGEST=localhost/curator_benchmarking@sha256:1234" in values(words_of(done.stdout), "--env")
    assert "WARN" not in done.stdout


@ENGINES
def test_what_a_configuration_needs(host: Host, engine: str) -> None:
    """Its directory, paths, datasets and scripts are mounted where the configuration means them."""
    data, scripts = host.home / "some data", host.home / 'scripts, "old"'
    for directory in (data, scripts, host.home / "weights", host.home / "alone"):
        directory.mkdir()
    config = host.project / "my configs" / "mine.yaml"
    config.parent.mkdir()
    config.write_text(
        f"""
        results_dir: ${{HOME}}/results of mine
        artifacts_dir: "{host.home}/artifacts"
        paths:
          - {{name: weights, host_path: ~/weights}}
          - {{name: data, host_path: "{data}", container_path: /data}}
        datasets:
          - name: d
            formats: [{{type: t, path: "{{data}}/d"}}, {{type: alone, path: ~/alone}}, {{type: gone, path: /not/here}}]
        entries:
          - name: a
            script: a.py
            args: "{{dataset:d,t}} {{dataset:d,alone}} {{dataset:d,gone}}"
            script_base_dir: '{scripts}'
        """
    )
    words = host.dry_run("--bench-config", "my configs/mine.yaml", "-x", CONTAINER_ENGINE=engine)
    quoted = str(scripts).replace('"', '""')
    directory = config.parent
    assert set(values(words, "--mount")) == {
        f"type=bind,source={host.leases},target=/MOUNT{host.leases}",
        f"type=bind,source={host.home}/results of mine,target={host.home}/results of mine",
        f"type=bind,source={host.home}/artifacts,target={host.home}/artifacts",
        f"type=bind,source={host.home}/weights,target=/MOUNT{host.home}/weights",
        f"type=bind,source={data},target=/data",
        f"type=bind,source={host.home}/alone,target={host.home}/alone,readonly",
        f'type=bind,"source={quoted}","target={quoted}",readonly',
        f"type=bind,source={directory},target=/MOUNT{directory},readonly",
    }
    assert words[words.index("--") :] == [
        *("--", "curator_benchmarking", f"--bench-config=/MOUNT{config}", "-x"),
    ]


@ENGINES
def test_a_run(host: Host, project: Project, engine: str) -> None:
    """From a command line to results on the host, through paths that no shell would forgive."""
    directory = project.path / 'it\'s, "a" $(dir) ü'
    (directory / "scripts").mkdir(parents=True)
    shutil.copy(project.scripts / "ok.py", directory / "scripts")
    (directory / "in put").mkdir()
    config = project.config(
        """
        results_dir: ../the results
        paths: [{name: in, host_path: in put}]
        viewer_url_template: "file://{session_path}"
        entries: [{name: one, script: ok.py, args: "--print {in}"}, {name: other, script: ok.py}]
        """,
        str(directory / "my.yaml"),
        head=False,
    )
    done = host.run(
        *("run.sh", f"--bench-config={config}", "--bench-session", "s", "-k", "one", "--junitxml", "new dir/junit.xml"),
        CONTAINER_ENGINE=engine,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    session = project.path / "the results" / "s"
    assert f"results: {session}" in done.stdout
    assert f"viewer: file://{session}" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout
    assert f"/MOUNT{directory}/in put\n" in (session / "one" / "stdouterr.log").read_text()
    environment = json.loads((session / "env.json").read_text())
    assert (environment["image_digest"], environment["in_container"]) == (
        *("localhost/curator_benchmarking@sha256:1234", True),
    )
    assert "one" in (project.path / "new dir" / "junit.xml").read_text()


def test_what_is_printed_can_be_run(host: Host) -> None:
    """A shell reads from the dry run what the run itself would have said."""
    arguments = ("--env", 'A=it\'s "b" $(c) \\ ü', "-k", "zzz or qqq", "--co", "-q")
    printed = host.run("run.sh", "--dry-run", *arguments)
    for directory in (host.results, host.leases):
        directory.mkdir()
    pasted = subprocess.run(
        ["bash", "-c", printed.stdout], env=host.environment, cwd=host.project, capture_output=True, check=False
    )
    assert pasted.returncode == 5, pasted.stderr  # nothing is called so
    assert host.run("run.sh", *arguments).returncode == 5
    runs = [call for call in host.calls if call[1] == "run" and "curator-bench" not in call]
    assert len(runs) == 2
    assert runs[0] == runs[1] == words_of(printed.stdout)


def test_a_bench_file(host: Host, project: Project) -> None:
    """Named as pytest takes it, with one of its entries."""
    project.config("entries: [{name: a, script: ok.py}, {name: b, script: ok.py}]", "benchmarks/my own.bench.yaml")
    done = host.run("run.sh", "benchmarks/my own.bench.yaml::b")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert project.result("b")["status"] == "passed"


def test_sources_of_the_host(host: Host) -> None:
    """NeMo Curator's and the benchmarks' take the place of the image's."""
    curator = host.home / "Curator"
    (curator / "nemo_curator").mkdir(parents=True)
    (curator / "nemo_curator" / "__init__.py").touch()
    command = "import nemo_curator, os; print(nemo_curator.__file__, os.environ['CURATOR_REPO_DIR'])"
    done = host.run("run.sh", "--use-host-curator", "--shell", "python", "-c", command, HOST_CURATOR_DIR=str(curator))
    assert (done.stdout, done.stderr) == ("/opt/Curator/nemo_curator/__init__.py /opt/Curator\n", "")
    words = host.dry_run("--use-host-benchmarks")
    assert f"type=bind,source={REPO}/benchmarks,target={IMAGE_DIR}/benchmarks" in values(words, "--mount")
    assert f"type=bind,source={REPO}/conftest.py,target={IMAGE_DIR}/conftest.py,readonly" in values(words, "--mount")
    named = host.dry_run("--bench-config", str(REPO / "benchmarks" / "config.yaml"))
    assert named[-1] == f"--bench-config={IMAGE_DIR}/benchmarks/config.yaml"
    assert values(named, "--mount") == values(words, "--mount")


def test_the_images_own_paths(host: Host) -> None:
    """README's several files, merged in order, in a container: what is relative in the image's files lies there."""
    words = host.dry_run("benchmarks/", "--bench-config", "config.yaml", "--bench-config", "paths.yaml")
    assert words[-3:] == [
        "benchmarks/",
        *(f"--bench-config={IMAGE_DIR}/benchmarks/{name}.yaml" for name in ("config", "paths")),
    ]
    assert len(values(words, "--mount")) == 2


def test_what_sinks_and_set_ups_write(host: Host, project: Project) -> None:
    """It is on the host afterwards, wherever the configuration says."""
    out = host.home / "out"
    project.script("setup.py", f"import pathlib; pathlib.Path('{out}/made').write_text('x')\n")
    project.config(
        f"""
        results_dir: ../results
        sinks: [{{name: jsonl, path: '{host.home}/lines/results.jsonl'}}]
        datasets: [{{name: d, formats: [{{type: t, path: '{out}/made'}}]}}]
        data_setups: [{{name: make, script: setup.py}}]
        entries: [{{name: a, script: ok.py, args: '{{dataset:d,t}}', data_setups: [make]}}]
        """,
        head=False,
    )
    done = host.run("run.sh", "--bench-config", "benchmarks/config.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "made").read_text() == "x"
    assert '"name": "a"' in (host.home / "lines" / "results.jsonl").read_text()


def test_a_configuration_that_is_a_link(host: Host, project: Project) -> None:
    """Within its directory it is as good as the file; one that leads out of it is refused."""
    project.config("entries: [{name: a, script: ok.py}]", "benchmarks/real.yaml")
    (project.path / "benchmarks" / "link.yaml").symlink_to("real.yaml")
    done = host.run("run.sh", "--bench-config", "benchmarks/link.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.result("a")["status"] == "passed"
    (project.path / "out.yaml").symlink_to("benchmarks/real.yaml")
    done = host.run("run.sh", "--bench-config", "out.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("run.sh: --bench-config out.yaml: a symbolic link out of its directory")


def test_runs_share_the_machine_by_leases(host: Host, project: Project) -> None:
    """What one container has, another waits for."""
    project.script("waited.py", UNTIL_WAITED_FOR + (project.scripts / "ok.py").read_text())
    project.config("entries: [{name: a, script: waited.py}]")
    command = ["bash", str(TOOLS / "run.sh"), "--bench-config", "benchmarks/config.yaml"]
    runs = [
        subprocess.Popen(command, cwd=project.path, env=host.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=LIMIT_S)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sum("a: waiting for the whole machine" in output for output in outputs) == 1


def test_standard_input_reaches_a_command(host: Host) -> None:
    """A script can be piped in."""
    done = subprocess.run(
        ["bash", str(TOOLS / "run.sh"), "--shell", "--", "cat"],
        input="hello",
        env=host.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "hello"
    assert "--interactive" in host.calls[-1]


def test_two_mounts_at_one_place(host: Host, project: Project) -> None:
    """No file silently has its data from elsewhere."""
    for name in ("a", "b"):
        (project.path / name).mkdir()
        paths = f"paths: [{{name: p, host_path: ../{name}, container_path: /data}}]"
        project.config(f"{paths}\nentries: [{{name: {name}, script: ok.py}}]", f"benchmarks/{name}.bench.yaml")
    done = host.run("run.sh", "--dry-run", "benchmarks/a.bench.yaml", "benchmarks/b.bench.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"run.sh: both {project.path}/b and {project.path}/a are to be /data in the container"
    )


WRONG: list[tuple[Mapping[str, str], list[str], str]] = [
    ({"CONTAINER_ENGINE": "nerdctl"}, [], "run.sh: CONTAINER_ENGINE=nerdctl: there is no such command; install it"),
    ({"CONTAINER_ENGINE": "cat"}, [], "run.sh: CONTAINER_ENGINE=cat: only docker and podman are known"),
    ({}, ["--bench-config", "gone.yaml"], "run.sh: --bench-config gone.yaml: there is no such file in "),
    ({}, ["--bench-config"], "run.sh: --bench-config needs a value"),
    ({}, ["gone.bench.yaml::a"], "run.sh: configuration gone.bench.yaml: there is no such file in "),
    ({"GPUS": "two"}, [], "run.sh: GPUS=two: expected all, none, or numbers such as 0,1"),
    ({"MEMORY": "much"}, [], "run.sh: MEMORY=much: expected a size such as 64g, or none"),
    ({"SHM_SIZE": "none"}, [], "run.sh: SHM_SIZE=none: expected a size such as 32g"),
    ({"IMAGE": "gone"}, [], "run.sh: there is no image gone: build it with benchmarks/tools/build_docker.sh"),
    ({"STUB_DOWN": "Cannot connect to the Docker daemon"}, [], "can't be asked for the image curator_benchmarking: "),
    ({}, ["--image", "gone"], "run.sh: there is no image gone: "),
    ({}, ["--image"], "run.sh: --image needs a value"),
    ({}, ["--wheel", "."], "run.sh: --wheel goes with --image"),
    (
        {"STUB_IMAGES": "a"},
        ["--image", "a", "--wheel", "/usr"],
        "run.sh: --wheel /usr: expected a wheel of pytest-curator",
    ),
    ({}, ["--env", "digest"], "run.sh: --env digest: there is no such variable in the environment"),
    ({}, ["--env", "UNSET"], "run.sh: --env UNSET: there is no such variable in the environment"),
    ({}, ["--env", "1=2"], "run.sh: --env 1=2: expected NAME or NAME=VALUE"),
    ({"HOST_CURATOR_DIR": "/usr"}, ["--use-host-curator"], "run.sh: --use-host-curator: /usr is no checkout of NeMo"),
    ({}, ["--bench-config", "paths gone.yaml"], "run.sh: paths: p: /not/here does not exist on this machine; make it"),
    ({"CURATOR_BENCH_RESULTS_DIR": "/proc/results"}, [], "results_dir: the directory /proc/results is not there, and"),
]


@pytest.mark.parametrize(("engine", "environment", "arguments", "message"), by_turns(WRONG))
def test_one_clear_error(
    host: Host, engine: str, environment: Mapping[str, str], arguments: list[str], message: str
) -> None:
    """Whatever is wrong is told in one line, with exit status 2, and nothing is run."""
    (host.project / "paths gone.yaml").write_text(
        "results_dir: r\npaths: [{name: p, host_path: /not/here}]\nentries: [{name: a, script: ok.py}]\n"
    )
    done = host.run("run.sh", *arguments, **{"CONTAINER_ENGINE": engine, **environment})
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


def test_no_engine(host: Host) -> None:
    """Said by both tools."""
    for engine in ("docker", "podman"):
        (host.bin / engine).unlink()
    for tool in ("run.sh", "build_docker.sh"):
        done = host.run(tool)
        expected = (
            f"{tool}: neither docker nor podman is installed: install one, or name one like them in CONTAINER_ENGINE\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_a_wrong_configuration(host: Host) -> None:
    """The plugin's own message, with the file as the host calls it."""
    config = host.project / "bad.yaml"
    config.write_text("results_dir: r\nentries: 5\n")
    done = host.run("run.sh", "--bench-config", "bad.yaml")
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert lines[0] == f"{config}:2: entries: found 5, expected a list"
    assert lines[-1] == "run.sh: the configuration can't be used (see above)"


def test_help_names_everything() -> None:
    """Every option that the scripts know stands in their help."""
    for tool in ("run.sh", "build_docker.sh"):
        text = (TOOLS / tool).read_text()
        body = text.partition("\nEND\n")[2]
        helped = subprocess.run(["bash", TOOLS / tool, "--help"], capture_output=True, text=True, check=True).stdout
        options = {
            word.strip(" |)").partition("=")[0]
            for line in body.splitlines()
            if re.match(r" +--[\w=*| -]*\)", line)
            for word in line.partition(")")[0].split("|")
        }
        assert len(options) > 6
        assert not [option for option in options if option not in helped]


# --- build_docker.sh ---


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What goes into the image, without git, in a directory with a blank."""
    path = tmp_path / "a checkout"
    path.mkdir()
    for name in ("Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "conftest.py"):
        shutil.copy(REPO / name, path)
    for name in ("docker", "pytest_curator_bench", "benchmarks"):
        shutil.copytree(REPO / name, path / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
    return path


def build(host: Host, checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Call the checkout's own build_docker.sh, from elsewhere."""
    return subprocess.run(
        ["bash", str(checkout / "benchmarks/tools/build_docker.sh"), *arguments],
        env={**host.environment, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def tag_of(host: Host, checkout: Path, *arguments: str) -> str:
    """The tag that would be given."""
    words = words_of(build(host, checkout, "--dry-run", "--no-tag-as-latest", *arguments).stdout)
    return words[words.index("--tag") + 1]


BUILDS: list[tuple[list[str], Mapping[str, list[str]]]] = [
    (["--no-tag-as-latest", "--tag-as-latest"], {"": ["--tag", "curator_benchmarking:latest"]}),
    ([], {"": ["--tag", "curator_benchmarking:latest"]}),
    (["--pull-base-image"], {"docker": ["--pull"], "podman": ["--pull=newer"]}),
    (["--skip-base-image"], {"docker": ["--target", "curator_benchmarking"], "podman": ["--pull=never"]}),
    (["--base-image", "debian:12"], {"": ["--build-arg", "BASE_IMAGE=debian:12"]}),
    (["--base-image=a b"], {"": ["--build-arg", "BASE_IMAGE=a b"]}),
    (["--cpu"], {"": ["--build-arg", "REQUIREMENTS=docker/requirements-cpu.lock"]}),
    (["--requirements", "docker/build.lock"], {"": ["--build-arg", "REQUIREMENTS=docker/build.lock"]}),
    (["--", "--no-cache", "--label", "a=b c"], {"": ["--no-cache", "--label", "a=b c", "."]}),
]


@pytest.mark.parametrize(("engine", "arguments", "expected"), by_turns(BUILDS))
def test_builds(host: Host, engine: str, arguments: list[str], expected: Mapping[str, list[str]]) -> None:
    """Each option shows in the command, in the words of the engine."""
    there = "nvidia/cuda:12.9.1-base-ubuntu24.04"
    done = host.run("build_docker.sh", "--dry-run", *arguments, CONTAINER_ENGINE=engine, STUB_IMAGES=there)
    assert (done.returncode, done.stderr) == (0, "")
    words = words_of(done.stdout)
    assert host.run("build_docker.sh", *arguments, CONTAINER_ENGINE=engine, STUB_IMAGES=there).returncode == 0
    assert host.calls[-1] == words
    assert words[:2] == [engine, "build"]
    assert follows(words, *(expected.get(engine) or expected[""])), words


def test_a_tag_says_what_is_in_the_image(host: Host, checkout: Path) -> None:
    """The same sources have the same tag, with git and without; any change of what goes in gives another."""
    plain = tag_of(host, checkout)
    (checkout / "benchmarks" / "data").mkdir()
    (checkout / "benchmarks" / "data" / "made").touch()
    assert tag_of(host, checkout) == plain
    assert tag_of(host, checkout, "--cpu") == f"{plain}-cpu"
    assert tag_of(host, checkout, "--base-image", "reg:5000/debian:12") != tag_of(
        host, checkout, "--base-image", "debian:12"
    )
    assert tag_of(host, checkout, "--base-image", "reg:5000/debian:12").startswith(f"{plain}-debian-12-")
    with (checkout / "conftest.py").open("a") as file:
        file.write("#\n")
    assert tag_of(host, checkout) != plain
    (checkout / ".gitignore").write_text("/benchmarks/data/\n__pycache__/\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"]):
        subprocess.run(["git", "-C", checkout, *words], check=True)
    commit = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert tag_of(host, checkout) == f"curator_benchmarking:{commit}"
    (checkout / "benchmarks" / "new.py").touch()
    untracked = tag_of(host, checkout)
    assert untracked.startswith(f"curator_benchmarking:{commit}-")
    (checkout / "benchmarks" / "new.py").write_text("1")
    assert tag_of(host, checkout) not in {untracked, f"curator_benchmarking:{commit}"}


def test_an_image_that_is_there_is_not_built_again(host: Host, checkout: Path) -> None:
    """But it becomes the latest, and ``--force`` builds it."""
    tag = tag_of(host, checkout)
    done = build(host, checkout)
    assert (done.returncode, done.stdout) == (0, f"built {tag}\n")
    assert host.calls[-1][1] == "build"
    done = build(host, checkout, STUB_IMAGES=tag)
    assert (done.returncode, done.stdout) == (0, f"{tag} is there already (--force builds it again)\n")
    assert host.calls[-1] == ["docker", "tag", tag, "curator_benchmarking:latest"]
    for arguments in (["--force"], ["--", "--no-cache"]):
        build(host, checkout, *arguments, STUB_IMAGES=tag)
        assert host.calls[-1][1] == "build"
        assert "curator_benchmarking:latest" in host.calls[-1]
    build(host, checkout, "--force", "--no-tag-as-latest")
    assert "curator_benchmarking:latest" not in host.calls[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--latest"], "--latest: there is no such option"),
        (["--base-image"], "--base-image needs a value"),
        (["--pull-base-image", "--skip-base-image"], "--pull-base-image and --skip-base-image exclude each other"),
        (["--skip-base-image"], "--skip-base-image: nvidia/cuda:12.9.1-base-ubuntu24.04 is not there"),
        (["--requirements", "../x"], "--requirements ../x: expected a file docker/NAME.lock in "),
        (
            ["--requirements", "docker/gone.lock"],
            "--requirements docker/gone.lock: expected a file docker/NAME.lock in ",
        ),
    ],
)
def test_a_wrong_build(host: Host, arguments: list[str], message: str) -> None:
    """One line, exit status 2."""
    done = host.run("build_docker.sh", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"build_docker.sh: {message}")
    assert done.stderr.count("\n") == 1


def test_what_goes_into_the_image_is_there() -> None:
    """What the Dockerfile copies exists, and .dockerignore lets it through."""
    words: dict[str, Any] = {}
    for line in (REPO / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line and "$" not in line:
            words.update(dict.fromkeys(line.split()[1:-1]))
    words |= dict.fromkeys(["docker/requirements.lock", "docker/requirements-cpu.lock"])
    allowed = {line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert len(words) > 6
    for name in words:
        assert (REPO / name).exists()
        assert name in allowed or ("docker/*.lock" in allowed and name.startswith("docker/")), name
