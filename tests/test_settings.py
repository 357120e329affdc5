"""Settings: where each address comes from, what is refused, what is never shown."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cic.errors import ConfigError
from cic.platform.doctor import unknown_variables
from cic.platform.environment import service_environment
from cic.platform.state import PlatformState, read_state, write_state
from cic.process_identity import ProcessIdentity
from cic.settings import (
    find_project,
    load_settings,
    redact,
    running_platform,
    variable_of,
)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in list(os.environ):
        if name.startswith("CIC_") or name == "PREFECT_API_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(phase: str = "ready", identity: ProcessIdentity | None = None) -> PlatformState:
    addresses = {"tracking_uri": "http://127.0.0.1:5001", "prefect_api_url": "http://127.0.0.1:4201/api"}
    return PlatformState(identity or ProcessIdentity.of(os.getpid()), phase, "2026-01-01", addresses)  # type: ignore[arg-type]


def test_without_anything_set_files_below_the_home_are_used(clean: Path) -> None:
    settings = load_settings()
    assert settings.home == clean / ".cic"
    assert settings.tracking_uri == f"sqlite:///{clean}/.cic/mlflow.db"
    assert settings.optuna_url == f"sqlite:///{clean}/.cic/optuna.db"
    assert settings.artifact_location == f"file://{clean}/.cic/mlartifacts"
    assert settings.prefect_api_url is None
    assert not settings.home.exists(), "reading settings must create nothing"


def test_home_is_counted_from_the_project(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / "params.yaml").touch()
    below = clean / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_project() == clean
    assert load_settings().home == clean / ".cic"
    monkeypatch.setenv("CIC_PROJECT", "a")
    monkeypatch.chdir(clean)
    monkeypatch.setenv("CIC_HOME", "state")
    assert load_settings().home == clean / "a" / "state"


def test_environment_beats_platform_beats_files(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / ".cic").mkdir()
    write_state(clean / ".cic" / "platform.json", state())
    monkeypatch.setenv("CIC_MLFLOW_URI", "http://elsewhere:5000")
    settings = load_settings()
    assert settings.tracking_uri == "http://elsewhere:5000"
    assert settings.prefect_api_url == "http://127.0.0.1:4201/api"
    assert settings.optuna_url == f"sqlite:///{clean}/.cic/optuna.db"
    assert settings.artifact_location is None
    assert load_settings(with_platform=False).prefect_api_url is None


def test_addresses_handed_down_by_a_platform_are_not_taken_for_the_users(
    clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`eval "$(cic env)"` in a shell must not keep `cic up` from starting servers there later."""
    (clean / ".cic").mkdir()
    write_state(clean / ".cic" / "platform.json", state())
    for name, value in service_environment(load_settings()).items():
        monkeypatch.setenv(name, value)
    assert not load_settings().given & {"tracking_uri", "prefect_api_url"}
    moved = dataclasses.replace(state(), addresses={"tracking_uri": "http://127.0.0.1:5009"})
    write_state(clean / ".cic" / "platform.json", moved)
    assert load_settings().tracking_uri == "http://127.0.0.1:5009", "started again on another port"
    (clean / ".cic" / "platform.json").unlink()
    assert load_settings().tracking_uri == "http://127.0.0.1:5001", "flows go on where they began"
    monkeypatch.setenv("CIC_MLFLOW_URI", "http://mine:5000")
    write_state(clean / ".cic" / "platform.json", moved)
    assert load_settings().tracking_uri == "http://mine:5000", "what the user sets later counts"
    assert "tracking_uri" in load_settings(with_platform=False).given


@pytest.mark.parametrize(
    "stale",
    [
        state(phase="starting"),
        state(identity=ProcessIdentity(os.getpid(), ProcessIdentity.of(os.getpid()).started - 60)),
        state(identity=ProcessIdentity(2**22 + 1, 0.0)),
    ],
    ids=["not ready", "another process of that number", "gone"],
)
def test_a_platform_that_is_not_there_counts_as_none(clean: Path, stale: PlatformState) -> None:
    write_state(clean / "platform.json", stale)
    assert running_platform(clean) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"phase": "ready"}', '{"phase": "ready", "supervisor": 7}'])
def test_a_damaged_state_file_counts_as_none(clean: Path, text: str) -> None:
    (clean / "platform.json").write_text(text)
    assert running_platform(clean) == {}
    assert read_state(clean / "platform.json") is None


def test_state_is_for_its_owner_and_comes_back_whole(clean: Path) -> None:
    path = clean / "platform.json"
    write_state(path, state())
    assert path.stat().st_mode & 0o077 == 0
    assert read_state(path) == state()
    assert [entry.name for entry in clean.iterdir()] == ["platform.json"]


def test_what_a_later_version_adds_to_the_state_is_passed_over(clean: Path) -> None:
    path = clean / "platform.json"
    write_state(path, state())
    path.write_text(json.dumps({**json.loads(path.read_text()), "new": 1}))
    assert read_state(path) == state()


def test_empty_variables_count_as_not_set(monkeypatch: pytest.MonkeyPatch, clean: Path) -> None:
    monkeypatch.setenv("CIC_OPTUNA_URL", "")
    assert load_settings().optuna_url.startswith("sqlite:")


def test_vendors_name_of_the_prefect_api_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://h:4200/api/")
    assert load_settings().prefect_api_url == "http://h:4200/api"
    monkeypatch.setenv("CIC_PREFECT_API_URL", "http://other:4200/api")
    assert load_settings().prefect_api_url == "http://other:4200/api"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CIC_MLFLOW_URI", "mlruns"),
        ("CIC_MLFLOW_URI", "sqlite:///mlflow.db"),
        ("CIC_OPTUNA_URL", "postgresql://u:hidden/word@h/optuna"),
        ("CIC_MLFLOW_PORT", "hidden"),
        ("CIC_DEVICE", "hidden"),
        ("CIC_WORKER_LIMIT", "0"),
    ],
)
def test_faults_name_the_variable_and_hide_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIC_POSTGRES_URL", "postgresql://cic:hidden%40@h/postgres")
    monkeypatch.setenv("CIC_SERVE_KEY", "hidden-from-everybody")
    settings = load_settings()
    assert settings.postgres_url is not None and "hidden" in settings.postgres_url
    assert "hidden" not in repr(settings) + str(settings) + f"{settings}"


words = st.text("abcXYZ019%._~!$&'()*+,;=:-", min_size=1)


@given(user=st.text("abc1", min_size=1), password=words, before=st.text("abc ", max_size=5))
def test_redact_hides_any_password_and_keeps_the_rest(user: str, password: str, before: str) -> None:
    shown = redact(f"{before}postgresql://{user}:{password}@host:5432/db and more")
    assert shown == f"{before}postgresql://{user}:***@host:5432/db and more"


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000/a@b", "sqlite:////a/b.db", "postgresql://u@/db?host=/tmp/x"])
def test_redact_leaves_urls_without_password_alone(url: str) -> None:
    assert redact(url) == url


def test_misspelt_variables_are_found() -> None:
    assert unknown_variables({"CIC_MLFLOW_URL": "", "CIC_HOME": "", "HOME": ""}) == ["CIC_MLFLOW_URL"]
    assert variable_of("tracking_uri") == "CIC_MLFLOW_URI"


def test_cuda_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert load_settings().torch_device == "cpu"
    monkeypatch.setenv("CIC_DEVICE", "cuda")
    with pytest.raises(ConfigError, match="CIC_DEVICE"):
        _ = load_settings().torch_device


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_servers_are_not_opened_to_the_network(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("CIC_HOST", host)
    with pytest.raises(ConfigError, match="CIC_HOST"):
        load_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_servers_may_listen_on_any_loopback_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("CIC_HOST", host)
    assert load_settings().host == host
