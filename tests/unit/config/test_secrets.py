# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""Sinks and their secrets: what is switched off, what is masked, what scripts must not inherit."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pytest_curator_bench._util.masking import Masker
from pytest_curator_bench.config.secrets import is_secret_variable
from tests.support.config import MINIMAL, load, problem

if TYPE_CHECKING:
    from pathlib import Path

WEBHOOK = "https://hooks.slack.com/services/T0000/B0000/verysecret"
SINKS = """\
sinks:
- name: slack
  webhook_url: ${SLACK_WEBHOOK_URL}
  channel: ${CHANNEL}
  live_updates: true
- name: mlflow
  enabled: true
  tracking_uri: http://user:pass-word@${MLFLOW_HOST:-localhost}:5000/
  experiment: nightly
  cache: ${HOME}/cache
- name: own
  class: my.pkg:Sink
  api_key: literal-key
  nested: {access_token: [inner-token, 5], plain: text}
- name: unused
  enabled: false
  token: off-token
  url: ${UNDEFINED}
"""
ENVIRON = {"SLACK_WEBHOOK_URL": WEBHOOK, "CHANNEL": "nightly-channel", "HOME": "/home/me"}


def test_enabled_sinks(tmp_path: Path) -> None:
    """Names, classes and settings, as plain data with variables put in."""
    slack, mlflow, own = load(tmp_path, MINIMAL + SINKS, env=ENVIRON).sinks
    assert (slack.name, slack.class_path) == ("slack", None)
    assert slack.settings == {"webhook_url": WEBHOOK, "channel": "nightly-channel", "live_updates": True}
    assert type(slack.settings["webhook_url"]) is str
    assert mlflow.settings == {
        "tracking_uri": "http://user:pass-word@localhost:5000/",
        "experiment": "nightly",
        "cache": "/home/me/cache",
    }
    assert (own.name, own.class_path) == ("own", "my.pkg:Sink")
    assert own.settings["nested"] == {"access_token": ["inner-token", 5], "plain": "text"}


def test_when_a_sink_delivers(tmp_path: Path) -> None:
    """Between entries unless the sink says otherwise; the key is no setting of the sink itself."""
    text = MINIMAL + "sinks: [{name: a}, {name: b, deliver: during, x: 1}, {name: c, deliver: '${WHEN}'}]\n"
    sinks = load(tmp_path, text, env={"WHEN": "during"}).sinks
    assert [sink.deliver for sink in sinks] == ["between", "during", "during"]
    assert [sink.settings for sink in sinks] == [{}, {"x": 1}, {}]
    wrong = problem(tmp_path, MINIMAL + "sinks:\n- {name: a, deliver: after}\n")
    assert wrong == "a.yaml:6: sinks[a].deliver: found text, expected one of between, during"


def test_secrets(tmp_path: Path) -> None:
    """What came from the environment, and what stands under a telling key."""
    config = load(tmp_path, MINIMAL + SINKS, env=ENVIRON)
    assert config.secrets == {
        WEBHOOK,
        "nightly-channel",
        "literal-key",
        "inner-token",
        "off-token",
        "pass-word",
    }
    assert config.secret_variables == {"SLACK_WEBHOOK_URL", "CHANNEL", "MLFLOW_HOST"}


def test_merged_is_masked(tmp_path: Path) -> None:
    """Secrets are replaced where they stand, and wherever else they occur; disabled items stay as written."""
    entries = MINIMAL + f"  env: {{LEAK: 'x{WEBHOOK}y', OTHER: '${{HOME}}'}}\n"
    config = load(tmp_path, entries + SINKS, env=ENVIRON)
    assert config.merged == {
        "results_dir": "results",
        "entries": [
            {"name": "cc", "script": "bench.py", "env": {"LEAK": "x***y", "OTHER": "/home/me"}},
        ],
        "sinks": [
            {"name": "slack", "webhook_url": "***", "channel": "***", "live_updates": True},
            {
                "name": "mlflow",
                "enabled": True,
                "tracking_uri": "http://***@localhost:5000/",
                "experiment": "nightly",
                "cache": "/home/me/cache",
            },
            {
                "name": "own",
                "class": "my.pkg:Sink",
                "api_key": "***",
                "nested": {"access_token": ["***", "***"], "plain": "text"},
            },
            {"name": "unused", "enabled": False, "token": "***", "url": "${UNDEFINED}"},
        ],
    }


def test_no_secret_in_repr(tmp_path: Path) -> None:
    """Assertion messages and tracebacks show objects with their ``repr()``."""
    config = load(tmp_path, MINIMAL + SINKS, env=ENVIRON)
    for secret in config.secrets:
        assert secret not in repr(config)
        assert secret not in repr(config.sinks)


@pytest.mark.parametrize("key", ["webhook", "token", "secret", "password", "key", "API_KEY", "apikey", "credentials"])
def test_telling_keys(tmp_path: Path, key: str) -> None:
    """A literal value under such a key is a secret."""
    config = load(tmp_path, MINIMAL + f"sinks: [{{name: s, my_{key}: value-1}}]\n")
    assert config.secrets == {"value-1"}


@pytest.mark.parametrize("key", ["channel", "keyboard", "monkey", "experiment", "service_account_file"])
def test_other_keys(tmp_path: Path, key: str) -> None:
    """A literal value under another key is none."""
    assert load(tmp_path, MINIMAL + f"sinks: [{{name: s, {key}: value-1}}]\n").secrets == frozenset()


def test_short_and_common_values_are_no_secrets_elsewhere(tmp_path: Path) -> None:
    """They are masked where they stand, but would blank out half of every log."""
    text = MINIMAL + "sinks: [{name: s, a: '${A}', b: '${B}', token: abc, secret: 'true', host: '${H}'}]\n"
    config = load(tmp_path, text, env={"A": "main", "B": "5000", "H": ""} | {"H": "default"})
    assert config.secrets == frozenset()
    assert config.merged["sinks"] == [
        {"name": "s", "a": "***", "b": "***", "token": "***", "secret": "***", "host": "***"}
    ]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("x: '${V}'", "1"),
        ("x: '${V}'", "250000"),
        ("x: '${V}'", "-1.5e10"),
        ("x: '${V}'", "mlflow"),
        ("x: '${V}'", "production"),
        ("x: '${V}'", "/tmp/not/there/yet"),
        ("x: '${V}'", "/"),
        ("x: '${V}'", socket.gethostname()),
        ("x: '${V}'", "nightly_dedup"),  # an entry's name
        ("x: '${V}'", "ly_dedup"),
        ("path: '${V}/all.jsonl'", "out-2026"),
        ("cache_dir: '${V}'", "out-2026"),
        ("uri: 'sqlite:///${V}/mlflow.db'", "out-2026"),
        ("uri: 'http://${V}:5000/x'", "node-17.example.org"),
        ("uri: 'http://${V}/x'", "node-17.example.org:5000"),
        ("uri: 'http://${V}:${PASSWORD}@host/'", "bench-user-1"),
        ("service_account_file: '${V}'", "keys-1/account.json"),
        ("token_file: '${V}'", "keys-1/token"),
        ("viewer_url: '${V}'", "https://viewer-1/sessions"),
    ],
)
def test_what_stands_everywhere_is_no_secret(tmp_path: Path, setting: str, value: str) -> None:
    """To mask a word, a number, a path, a host or a name would garble results and hide nothing."""
    text = MINIMAL.replace("name: cc", "name: nightly_dedup") + f"sinks: [{{name: s, {setting}}}]\n"
    config = load(tmp_path, text, env={"V": value, "PASSWORD": "pass-word-1"})
    masker = Masker(config.secrets)
    assert masker.mask(f"in {value}/dir with pass-word-1") in {
        f"in {value}/dir with pass-word-1",
        f"in {value}/dir with ***",
    }


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("token: '${V}'", "V", "12345678"),
        ("token: '${V}'", "V", "mellon"),
        ("x: '${API_TOKEN}'", "API_TOKEN", "mellon"),
        ("x: '${API_TOKEN}'", "API_TOKEN", "12345678"),
        ("token: '${V}'", "V", "/tmp/x"),
        ("viewer_url: 'https://host/${API_TOKEN}'", "API_TOKEN", "mellon"),
        ("x: '${V}'", "V", "/AbC+d/9xyz"),  # of Base64, which may begin so
        ("x: '${V}'", "V", "nightly-channel"),
        ("path: '${V}'", "V", "/hooks/from\nelsewhere-1"),
        ("x: '${V}'", "V", "abcdefghijklmnopqrst"),
        ("uri: 'http://u:${V}@host/'", "V", "mellon"),
        ("uri: 'http://u:mellon@host/'", "V", "mellon"),
        ("uri: 'https://host/${V}'", "V", "T000-b1"),
    ],
)
def test_what_may_be_a_secret_is_one(tmp_path: Path, setting: str, name: str, value: str) -> None:
    """A telling key or variable decides; else whatever is none of what stands everywhere."""
    config = load(tmp_path, MINIMAL + f"sinks: [{{name: s, {setting}}}]\n", env={name: value})
    if "\n" in value:
        assert config.secrets == frozenset()  # under a key for paths
    else:
        assert Masker(config.secrets).mask(f"with {value} in it") == "with *** in it"


def test_secrets_among_the_variables_of_scripts(tmp_path: Path) -> None:
    """A script's own token is masked, and passed on; what only sounds like one is not masked."""
    text = "environment: {HF_TOKEN: '${HF_TOKEN}', MAX_TOKENS: 'about-4096', TOKENIZERS_PARALLELISM: 'false'}\n" + (
        MINIMAL + "  matrix: {n: [1, 2]}\n"
        "  env: {NVIDIA_API_KEY: {matrix.n: {1: nvapi-11, 2: nvapi-22}}, MY_TOKEN: '12345678', A_TOKEN: /tmp/token}\n"
    )
    config = load(tmp_path, text, env={"HF_TOKEN": "hf_planted-1"})
    assert config.secrets == {"hf_planted-1", "nvapi-11", "nvapi-22"}
    assert config.secret_variables == frozenset()
    assert config.entries[0].env["HF_TOKEN"] == "hf_planted-1"  # noqa: S105  # planted
    assert config.merged["env"]["HF_TOKEN"] == "***"  # noqa: S105  # masked


def test_a_variable_that_paths_begin_with_is_no_secret(tmp_path: Path) -> None:
    """It stays in paths, in what the session records, and in the scripts' environment."""
    root = tmp_path / "root"
    text = MINIMAL.replace("results_dir: results", "results_dir: ${ROOT}/results") + (
        "sinks: [{name: jsonl, path: '${ROOT}/all.jsonl'}, {name: m, tracking_uri: 'sqlite:///${ROOT}/m.db'}]\n"
    )
    for value in (str(root), "relative-root"):
        config = load(tmp_path, text, env={"ROOT": value})
        assert config.secrets == frozenset()
        assert config.secret_variables == frozenset()
        assert config.merged["sinks"][0]["path"] == f"{value}/all.jsonl"


def test_a_secret_within_a_longer_one(tmp_path: Path) -> None:
    """The longer one is masked whole."""
    text = MINIMAL + "  env: {A: x-abcdef-123-y}\nsinks: [{name: s, token: abcdef, key: abcdef-123}]\n"
    assert load(tmp_path, text).merged["entries"][0]["env"] == {"A": "x-***-y"}


def test_url_passwords_are_secrets(tmp_path: Path) -> None:
    """A URL from the environment may carry a password, which messages show by itself."""
    text = MINIMAL + "sinks: [{name: s, uri: '${URI}'}, {name: t, token: 'http://[::1/x'}]\n"
    config = load(tmp_path, text, env={"URI": "http://user:pass-word@host:5000/"})
    assert config.secrets == {"http://user:pass-word@host:5000/", "pass-word", "http://[::1/x"}
    assert Masker(config.secrets).mask("as user with pass-word") == "as user with ***"


@pytest.mark.parametrize(
    ("env", "state"), [({}, "not defined"), ({"CHANNEL": ""}, "not defined")], ids=["undefined", "empty"]
)
def test_a_sink_that_lacks_a_variable_is_switched_off(tmp_path: Path, env: dict[str, str], state: str) -> None:
    """With a visible warning that names file, line and variable; the others stay on."""
    text = MINIMAL + "sinks:\n- name: slack\n  channel: ${CHANNEL}\n  token: literal-token\n- name: other\n"
    config = load(tmp_path, text, env=env)
    assert [sink.name for sink in config.sinks] == ["other"]
    (off,) = config.switched_off_sinks
    assert off.name == "slack"
    assert state in off.reason
    assert config.warnings[0] == (
        "a.yaml:7: the sink slack is switched off: the environment variable CHANNEL is not defined, or empty"
    )
    assert config.secret_variables == {"CHANNEL"}
    assert config.secrets == {"literal-token"}


@pytest.mark.parametrize(("env", "state"), [({}, "is not defined"), ({"CHANNEL": ""}, "is empty")])
def test_strict_makes_that_an_error(tmp_path: Path, env: dict[str, str], state: str) -> None:
    """With the same facts."""
    text = MINIMAL + "sinks:\n- name: slack\n  channel: ${CHANNEL}\n"
    found = problem(tmp_path, text, env=env, strict=True)
    assert found.startswith(f"a.yaml:7: sinks[slack].channel: found the environment variable CHANNEL, which {state}")


def test_a_disabled_sink_needs_no_variables(tmp_path: Path) -> None:
    """Not even under strict checks, and it is no reason for a warning."""
    text = MINIMAL + "sinks: [{name: s, enabled: false, a: '${NOPE}', b: '${MALFORMED'}]\n"
    config = load(tmp_path, text, strict=True)
    assert (config.sinks, config.switched_off_sinks, config.warnings) == ((), (), ())


def test_malformed_variables_in_a_sink_are_errors(tmp_path: Path) -> None:
    """A missing one is the machine's, a malformed one the author's."""
    text = MINIMAL + "sinks:\n- name: s\n  a: ${NOPE}\n  b: ${MALFORMED\n"
    assert problem(tmp_path, text).startswith("a.yaml:8: sinks[s].b: found ${ with something else")


@pytest.mark.parametrize(
    "sink",
    [
        "{name: s, enabled: hunter2222}",
        "{name: s, class: hunter2222}",
        "{name: [hunter2222]}",
        "{name: s, class: '${PASSWORD}'}",
        "hunter2222",
        "{name: '${PASSWORD}', name2: '${', enabled: '${PASSWORD}'}",
    ],
)
def test_errors_never_show_values_of_sinks(tmp_path: Path, sink: str) -> None:
    """A typing error must not put a token into a CI log."""
    from pytest_curator_bench.config import ConfigError

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, MINIMAL + f"sinks:\n- {sink}\n", env={"PASSWORD": "hunter2222"})
    assert "hunter2222" not in str(caught.value).replace("sinks[hunter2222]", "")


def test_digest(tmp_path: Path) -> None:
    """It follows what is configured: not the order of keys or files' names, not comments, not secrets."""
    first = load(tmp_path, MINIMAL + "  timeout_s: 5\n" + SINKS, env=ENVIRON)
    same = load(
        tmp_path,
        "# a comment\nentries:\n- {script: bench.py, name: cc, x-note: 1}\n" + SINKS,
        "results_dir: results\nentries: [{name: cc, timeout_s: 5}]\n",
        env=ENVIRON | {"SLACK_WEBHOOK_URL": "https://other.secret/x/y/z"},
    )
    other = load(tmp_path, MINIMAL + "  timeout_s: 6\n" + SINKS, env=ENVIRON)
    assert first.digest == same.digest
    assert first.digest != other.digest
    assert len(first.digest) == 64


def test_merged_is_a_copy(tmp_path: Path) -> None:
    """Who changes it changes nothing for others."""
    config = load(tmp_path, MINIMAL)
    config.merged["entries"].clear()
    assert config.merged["entries"] == [{"name": "cc", "script": "bench.py"}]


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("HF_TOKEN", "hf_abcdef", True),
        ("GITHUB_PAT", "ghp_abcdef", True),
        ("GPG_PASSPHRASE", "correct horse", True),
        ("CI_JOB_JWT", "eyJhbGciOi", True),
        ("DB_PASS", "12345678", True),
        ("MAX_TOKENS", "131072", False),
        ("TOKEN_COUNT", "4096", False),
        ("HF_TOKEN_PATH", "/run/token", False),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("PATH", "/usr/bin:/bin", False),
    ],
)
def test_variables_that_a_record_hides(name: str, value: str, is_secret: bool) -> None:
    """By their names; counts, flags and names of files are of use."""
    assert is_secret_variable(name, value) is is_secret


def test_a_word_under_a_telling_name_is_masked_there_alone(tmp_path: Path) -> None:
    """Elsewhere it is a word."""
    text = MINIMAL + "  environment: {DB_PASSWORD: postgres, ENGINE: postgres, HF_TOKEN: 'true'}\n"
    (entry,) = load(tmp_path, text).merged["entries"]
    assert entry["env"] == {"DB_PASSWORD": "***", "ENGINE": "postgres", "HF_TOKEN": "true"}
