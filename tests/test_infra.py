"""The shared installation's files agree with the settings and with each other."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from store_parts import free_port, new_store

from cic.settings import variables

INFRA = Path(__file__).parents[1] / "infra"
ONE_SHOT = {"migrate"}
# Names that the vendors document; what the tools read under another name would be ignored silently.
VENDOR = {
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "PGPASSWORD",
    "PYTHONUNBUFFERED",
    "DO_NOT_TRACK",
    "DVC_NO_ANALYTICS",
}
REFERENCE = re.compile(r"\$\{(\w+)(?::([-?])((?:[^{}]|\$\{[^}]*\})*))?\}")
"""A default may refer to another variable."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((INFRA / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    lines = (line.strip() for line in (INFRA / ".env.example").read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def image_variables() -> set[str]:
    text = (INFRA / "Dockerfile").read_text().replace("\\\n", " ")
    return {name for line in re.findall(r"^ENV (.*)$", text, re.M) for name in re.findall(r"(\w+)=", line)}


def known_to_vendor(name: str) -> bool:
    """Look the name up in the installed tools themselves."""
    if name.startswith("PREFECT_"):
        from prefect.settings import get_current_settings

        return name == "PREFECT_API_URL" or name in prefect_names(get_current_settings())
    if name.startswith("MLFLOW_"):
        from mlflow import environment_variables

        return hasattr(environment_variables, name) or name == "MLFLOW_BACKEND_STORE_URI"
    return name in VENDOR


def prefect_names(settings: Any) -> set[str]:
    """Give the environment variables that Prefect's settings read, nested ones too."""
    names: set[str] = set()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if hasattr(type(value), "model_fields"):
            names |= prefect_names(value)
        prefix = type(settings).model_config.get("env_prefix", "")
        aliases = getattr(field.validation_alias, "choices", [])
        names |= {f"{prefix}{name}".upper(), *(str(alias).upper() for alias in aliases)}
    return names


def test_every_variable_is_one_that_something_reads(compose: dict[str, Any]) -> None:
    given = {name for service in compose["services"].values() for name in service.get("environment", {})}
    unknown = {n for n in given | image_variables() if n not in variables() and not known_to_vendor(n)}
    assert not unknown


def test_a_misspelt_vendor_variable_would_be_noticed() -> None:
    assert not known_to_vendor("PREFECT_SERVER_API_HOTS")
    assert not known_to_vendor("MLFLOW_DISABLE_TELEMETRIE")


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    base = re.findall(r"^FROM (\S+)", (INFRA / "Dockerfile").read_text(), re.M)
    for image in [service["image"] for service in compose["services"].values()] + base:
        assert re.search(r":\d+\.\d+", image), f"{image} is not pinned"


def test_every_server_has_a_health_check_and_starts_again(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
            continue
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert {"interval", "timeout", "retries"} <= service["healthcheck"].keys(), name
        assert service["restart"] == "unless-stopped", name


def test_servers_wait_for_what_they_need(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for other, condition in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert condition == {"condition": wanted}, f"{name} on {other}"


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_data_is_kept_in_declared_volumes(compose: dict[str, Any]) -> None:
    mounted = [v.split(":")[0] for service in compose["services"].values() for v in service.get("volumes", [])]
    named = {source for source in mounted if re.fullmatch(r"\w+", source)}
    assert named == set(compose["volumes"])
    for source in mounted:
        if source.startswith("./"):
            assert (INFRA / source).is_file()


def test_example_names_every_variable_and_gives_no_secret(example: dict[str, str]) -> None:
    referenced = REFERENCE.findall((INFRA / "compose.yaml").read_text())
    required = {name for name, kind, _ in referenced if kind == "?"}
    defaults = {name: default for name, kind, default in referenced if kind == "-"}
    assert set(example) == {name for name, _, _ in referenced}
    assert all(kind for _, kind, _ in referenced), "a variable without default or demand is silently empty"
    assert all(example[name] == "" for name in required), "what must be set has no default"
    assert {name: example[name] for name in defaults} == defaults
    assert not [name for name in defaults if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]


def test_no_password_is_written_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or str(value).startswith("${POSTGRES_PASSWORD:?"), name
            assert not re.search(r"://[^/@\s]+:[^/@\s]+@", str(value)), name


def test_databases_are_those_of_the_local_platform() -> None:
    from cic.platform.services import DATABASES

    created = re.findall(r"CREATE DATABASE (\w+);", (INFRA / "postgres-databases.sql").read_text())
    assert sorted(created) == sorted(DATABASES)


def test_image_ships_the_package_and_no_state() -> None:
    kept = re.findall(r"^!(\S+)", (INFRA / "Dockerfile.dockerignore").read_text(), re.M)
    copied = " ".join(re.findall(r"^COPY (.*) \S+$", (INFRA / "Dockerfile").read_text(), re.M)).split()
    assert sorted(kept) == sorted(copied)
    assert all((INFRA.parent / name).exists() for name in kept)


def test_the_slurm_recipe_says_what_it_would_ask_for_and_what_to_install() -> None:
    command = [sys.executable, str(INFRA / "dask-slurm.py"), "--jobs", "4", "--workers-per-job", "16"]
    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, check=True).stdout
    assert "4 jobs" in dry and "cores: 16" in dry and "processes: 16" in dry, "one thread a worker"
    assert "--address-file" in subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    # isolated, and with site-packages out of reach: as where it is not installed
    bare = subprocess.run([sys.executable, "-I", "-S", *command[1:]], capture_output=True, text=True)
    assert bare.returncode == 1 and "pip install 'cic[dask]' dask-jobqueue" in bare.stderr
    assert "Traceback" not in bare.stderr


def test_the_kubernetes_recipe_publishes_nothing_and_runs_one_thread_a_worker() -> None:
    text = (INFRA / "dask-kubernetes.yaml").read_text()
    found = {(one["kind"], one["metadata"]["name"]): one["spec"] for one in yaml.safe_load_all(text)}
    assert set(found) == {
        ("Service", "cic-dask-scheduler"), ("Deployment", "cic-dask-scheduler"), ("Deployment", "cic-dask-worker"),
        ("NetworkPolicy", "cic-dask"),
    }  # fmt: skip
    service = found["Service", "cic-dask-scheduler"]
    assert service["type"] == "ClusterIP"
    pods = {name: found["Deployment", f"cic-dask-{name}"]["template"] for name in ("scheduler", "worker")}
    containers = {name: pod["spec"]["containers"][0] for name, pod in pods.items()}
    assert {one["image"] for one in containers.values()} == {"${CIC_IMAGE}"}, "no registry is named"
    for name, pod in pods.items():
        chosen = found["Deployment", f"cic-dask-{name}"]["selector"]["matchLabels"]
        assert chosen.items() <= pod["metadata"]["labels"].items()
        # what the network policy lets in, and what it keeps
        assert {"app": "cic-dask", "cic-dask": "true"}.items() <= pod["metadata"]["labels"].items()
    assert service["selector"].items() <= pods["scheduler"]["metadata"]["labels"].items()
    assert f"tcp://cic-dask-scheduler:{service['ports'][0]['port']}" in containers["worker"]["command"]
    for name, container in containers.items():
        known = subprocess.run(
            [Path(sys.executable).parent / "dask", name, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert container["command"][:2] == ["dask", name]
        assert all(part in known for part in container["command"] if part.startswith("--"))
    at = containers["worker"]["command"].index("--nthreads")
    assert containers["worker"]["command"][at + 1] == "1"


def test_readme_explains_every_setting() -> None:
    named = set(re.findall(r"`((?:CIC|PREFECT_API)_\w+)`", (INFRA / "README.md").read_text()))
    assert named == set(variables())


def filled(text: str, given: dict[str, str]) -> str:
    """Put variables into a value, as compose does."""
    return REFERENCE.sub(lambda found: given.get(found[1], filled(found[3] or "", given)), text)


def test_prefects_pages_call_the_address_that_the_browser_knows(compose: dict[str, Any]) -> None:
    told = compose["services"]["prefect"]["environment"]["PREFECT_SERVER_UI_API_URL"]
    assert filled(told, {}) == "http://127.0.0.1:4200/api"
    assert filled(told, {"CIC_PREFECT_PORT": "4300"}) == "http://127.0.0.1:4300/api"
    assert filled(told, {"PUBLIC_PREFECT_URL": "https://p.example.org"}) == "https://p.example.org/api"


@pytest.mark.integration
@pytest.mark.parametrize("public", [None, "mlflow.example.org"])
def test_mlflow_answers_under_its_public_name_and_no_other(
    compose: dict[str, Any], tmp_path: Path, template: Path, public: str | None
) -> None:
    given = {"PUBLIC_MLFLOW_HOST": public} if public else {}
    port = free_port()
    changed = {"--host": "127.0.0.1", "--port": str(port), "--workers": "1", "--artifacts-destination": str(tmp_path)}
    command = [filled(part, given) for part in compose["services"]["mlflow"]["command"]]
    command = [f"{name}={changed.get(name, value)}" if value else name for name, _, value in split(command)]
    command[0] = str(Path(sys.executable).parent / "mlflow")
    store = {
        "MLFLOW_BACKEND_STORE_URI": new_store(tmp_path, template),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | store, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while status(port, "/health", "localhost") != 200:
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.2)
        for host, known in (
            ("127.0.0.1:5000", True),
            ("mlflow.example.org", bool(public)),
            ("attacker.example", False),
        ):
            assert (status(port, "/", host) == 200) == known, host
            asked = status(port, "/api/2.0/mlflow/experiments/search", host, {"max_results": 1}, f"https://{host}")
            assert (asked == 200) == known, host
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def split(command: list[str]) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in command]


def status(port: int, path: str, host: str, body: Any = None, origin: str | None = None) -> int | None:
    """Give the status of an answer to a browser that knows the server as `host`; None if there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Host": host, "Content-Type": "application/json"} | ({"Origin": origin} if origin else {})
    try:
        connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
