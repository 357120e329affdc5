"""The settings: each a field, an environment variable, and what it may be."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cic.errors import ConfigError
from cic.settings.places import find_project

STATE_FILE = "platform.json"


def redact(text: str) -> str:
    """Give `text` with the passwords of all URLs in it replaced by ``***``, fit for logs and screens."""
    text = re.sub(r"(://[^:/@\s]*):[^/\s]*@", r"\1:***@", text)
    return re.sub(r"([?&](?:password|sslpassword|token)=)[^&\s]+", r"\1***", text)


class Settings(BaseSettings):
    """Addresses and places of one installation; every field is one environment variable, `CIC_<FIELD>` unless said.

    All paths are absolute. An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix="CIC_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
        validate_default=True,
    )

    project: Path = Field(default_factory=find_project, description="folder of the project; flows run in it")
    home: Path = Field(default=Path(".cic"), description="state of the platform and of runs; relative to the project")
    tracking_uri: str = Field(
        default_factory=lambda done: f"sqlite:///{done['home'] / 'mlflow.db'}",
        validation_alias=AliasChoices("CIC_MLFLOW_URI"),
        description="CIC_MLFLOW_URI: MLflow server or store",
    )
    artifacts_uri: str = Field(
        default_factory=lambda done: (done["home"] / "mlartifacts").as_uri(),
        description="where MLflow keeps artifacts: what its server serves, or files beside a sqlite store",
    )
    optuna_url: str = Field(
        default_factory=lambda done: f"sqlite:///{done['home'] / 'optuna.db'}",
        description="database of the search's studies",
    )
    prefect_api_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("CIC_PREFECT_API_URL", "PREFECT_API_URL"),
        description="CIC_PREFECT_API_URL or PREFECT_API_URL: a Prefect server's API, ending in /api",
    )
    prefect_auth: str | None = Field(
        default=None,
        validation_alias=AliasChoices("CIC_PREFECT_AUTH", "PREFECT_API_AUTH_STRING"),
        repr=False,
        description="CIC_PREFECT_AUTH or PREFECT_API_AUTH_STRING: what that server asks for, USER:PASSWORD",
    )
    postgres_url: str | None = Field(
        default=None,
        description="a PostgreSQL that `cic up` uses in place of the embedded one; its user may create databases",
    )
    geo_url: str = Field(
        default="https://ftp.ncbi.nlm.nih.gov/geo",
        description="where `cic data get` finds `series/` and `platforms/` of the Gene Expression Omnibus",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where search and fit train; `auto` is the card where there is one, for one process"
    )
    host: str = Field(default="127.0.0.1", description="loopback address that the local servers listen on")
    serve_key: SecretStr | None = Field(
        default=None, min_length=16, description="key that `cic serve` asks for; needed beyond loopback"
    )
    mlflow_port: int = Field(
        default=5000, ge=1, le=65535, description="MLflow server; if left out, the one it had last, or another free one"
    )
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Prefect server; likewise")
    work_pool: str = Field(default="cic-local", min_length=1, description="Prefect work pool of the local worker")
    worker_limit: int = Field(default=1, ge=1, description="flow runs that the local worker starts at a time")
    startup_timeout: float = Field(default=180.0, gt=0, description="seconds that each server may take to answer first")
    from_platform: str = Field(
        default="", description="set by the platform for its children: which addresses are its own"
    )

    @field_validator("project", mode="after")
    @classmethod
    def _absolute_project(cls, project: Path) -> Path:
        return Path(os.path.abspath(project.expanduser()))

    @field_validator("home", mode="after")
    @classmethod
    def _absolute_home(cls, home: Path, info: Any) -> Path:
        return Path(os.path.abspath(info.data.get("project", Path.cwd()) / home.expanduser()))

    @field_validator("tracking_uri", "artifacts_uri", "optuna_url", "prefect_api_url", "postgres_url", mode="after")
    @classmethod
    def _whole_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if "://" not in url:
            raise ValueError("is no URL (SCHEME://...)")
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
            raise ValueError("names a file relative to the working directory; write sqlite:////ABSOLUTE/PATH")
        try:
            urlsplit(url).port  # noqa: B018  raises where a password holds characters that need %-encoding
        except ValueError:
            raise ValueError("is no valid URL; a password's special characters need %-encoding") from None
        return url

    @field_validator("host", mode="after")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if not is_loopback(host):
            raise ValueError(
                "is reached from other machines, and the local servers are made for this one (MLflow asks for no "
                "password); leave it at 127.0.0.1 and come by `ssh -L`, or set up the shared installation in infra/ "
                "behind a reverse proxy that asks who is there"
            )
        return host

    @field_validator("prefect_api_url", mode="after")
    @classmethod
    def _api_without_slash(cls, url: str | None) -> str | None:
        return url.rstrip("/") if url else None

    @field_validator("geo_url", mode="after")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if not re.match(r"https?://[^/@]+(/|$)", url):  # the address is kept beside each file
            raise ValueError("is no address of a web server (https://...) without a password")
        return url.rstrip("/")

    @property
    def given(self) -> frozenset[str]:
        """Fields that the environment sets on purpose; addresses that a platform handed down are not among them."""
        handed_down = set(self.from_platform.split(","))
        return frozenset(n for n in self.model_fields_set if _stamp(n, str(getattr(self, n))) not in handed_down)

    def with_addresses(self, addresses: Mapping[str, str]) -> Settings:
        """Give the settings with the addresses of a platform, marked as such."""
        earlier = [stamp for stamp in self.from_platform.split(",") if stamp]  # that a shell was given
        stamps = dict.fromkeys([*earlier, *(_stamp(name, url) for name, url in addresses.items())])
        return self.model_copy(update={**addresses, "from_platform": ",".join(stamps)}) if addresses else self

    @property
    def torch_device(self) -> str:
        """Give the device to train on, `cpu` or `cuda`; `auto` is the card where there is one.

        Raises
        ------
        ConfigError
            If `cuda` is asked for and cannot be used.
        """
        if self.device == "cpu":
            return "cpu"
        from torch.cuda import is_available  # takes seconds, and most who read settings need no device

        if not is_available() and self.device == "cuda":
            fix = "unset it, or install a CUDA build of torch; `cic doctor` says which is missing"
            raise ConfigError("cuda is asked for and not available", where="CIC_DEVICE", fix=fix)
        return "cuda" if is_available() else "cpu"

    @property
    def artifact_location(self) -> str | None:
        """Where new MLflow experiments keep artifacts; None where the MLflow server decides."""
        return None if self.tracking_uri.startswith(("http://", "https://")) else self.artifacts_uri

    @property
    def logs(self) -> Path:
        """Folder of the services' logs."""
        return self.home / "logs"

    @property
    def state_file(self) -> Path:
        """File in which a running platform says where its servers are."""
        return self.home / STATE_FILE

    @property
    def login_file(self) -> Path:
        """Page that logs the owner's browser in at the local Prefect server."""
        return self.home / "prefect.html"

    @property
    def latest_file(self) -> Path:
        """What the last run of `cic-train` came to."""
        return self.home / "latest.json"

    @property
    def latest_report(self) -> Path:
        """Copy of that run's report that bears version, decision, commit and date."""
        return self.home / "report.html"

    @property
    def checks_page(self) -> Path:
        """What the checks found of the profiles that a run was last stopped for."""
        return self.home / "checks.html"

    @property
    def postgres_folder(self) -> Path:
        """Data of the embedded PostgreSQL."""
        return self.home / "postgres"

    @property
    def has_platform_store(self) -> bool:
        """Whether a platform has been up for this home, so that its PostgreSQL keeps the runs."""
        return self.postgres_url is not None or (self.postgres_folder / "data" / "PG_VERSION").exists()

    def __repr_args__(self) -> Any:
        """Show the fields without passwords, wherever the settings are printed."""
        for name, value in super().__repr_args__():
            yield name, redact(value) if isinstance(value, str) else value

    def __str__(self) -> str:
        """Give the same as `repr`: without passwords."""
        return repr(self)


def is_loopback(host: str) -> bool:
    """Say whether what listens on this address is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stamp(name: str, url: str) -> str:
    """Give a short form by which an address is known again, without the password that it may hold."""
    return f"{name}:{hashlib.sha256(url.encode()).hexdigest()[:12]}"
