"""What `cic doctor` looks at. Each check gives findings; none changes anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from cic.platform import doctor_services
from cic.platform.checkup import Checkup, Level
from cic.settings import Settings, variables

# Read by tests, by the platform itself and by `cic data simulate`, no settings.
OTHER_VARIABLES = frozenset({
    "CIC_LOG_LEVEL", "CIC_REAL_DATA", "CIC_PLATFORM_MARK",
    "CIC_SIMULATE_SAMPLES", "CIC_SIMULATE_GENES", "CIC_SIMULATE_STUDIES",
})  # fmt: skip
EXTRAS = ("", "registry", "train")
"""Of what the package asks for: a platform is there to train."""
DISK_WARN_BYTES, DISK_FAIL_BYTES = 5 * 2**30, 2**29


def examine(settings: Settings) -> Iterator[Checkup]:
    """Run all checks, in the order in which their faults matter.

    Parameters
    ----------
    settings
        With the addresses of the running platform, as `load_settings` gives them.
    """
    checks: tuple[Callable[[Settings], Iterator[Checkup]], ...] = (
        _python,
        _packages,
        _variables,
        _disk,
        _device,
        doctor_services.platform,
        doctor_services.tracking,
        doctor_services.studies,
        doctor_services.prefect,
        _git,
        doctor_services.dvc,
    )
    for check in checks:
        yield from check(settings)


def _python(settings: Settings) -> Iterator[Checkup]:
    found = ".".join(str(part) for part in sys.version_info[:3])
    wanted = metadata.metadata("cic")["Requires-Python"]
    if SpecifierSet(wanted).contains(found):
        yield Checkup("OK", "python", found)
    else:
        yield Checkup("FAIL", "python", f"{found}, wanted {wanted}", "make the environment anew with such a Python")


def _packages(settings: Settings) -> Iterator[Checkup]:
    """Compare what is installed with what the package asks for, and with the versions it was tested with."""
    faults = list(broken_requirements(metadata.requires("cic") or []))
    for fault in faults:
        yield Checkup("FAIL", "package", fault, "run `make install`")
    constraints = settings.project / "constraints.txt"
    drifted = list(broken_requirements(constraints.read_text().splitlines())) if constraints.is_file() else []
    drifted = [fault for fault in drifted if not fault.endswith("not installed") and fault not in faults]
    if drifted:
        shown = "; ".join(drifted[:5]) + ("; ..." if len(drifted) > 5 else "")
        yield Checkup("WARN", "packages", f"{len(drifted)} differ from constraints.txt: {shown}", "run `make install`")
    if not faults and not drifted:
        fastapi = metadata.version("fastapi")
        yield Checkup("OK", "packages", f"as required, fastapi {fastapi} among them")


def broken_requirements(lines: list[str]) -> Iterator[str]:
    """Give the requirements that the installed packages do not meet; those of extras but `EXTRAS` are left out."""
    for line in lines:
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        wanted = Requirement(line)
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in EXTRAS):
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            yield f"{wanted} is not installed"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted} wanted, {found} installed"


def _variables(settings: Settings) -> Iterator[Checkup]:
    for name in unknown_variables(os.environ):
        yield Checkup(
            "WARN", "environment", f"{name} means nothing", "correct its name or unset it; see infra/README.md"
        )


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Give the variables that begin with ``CIC_`` but mean nothing: most likely misspelt."""
    return sorted(name for name in environ if name.startswith("CIC_") and name not in variables() | OTHER_VARIABLES)


def _disk(settings: Settings) -> Iterator[Checkup]:
    at = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    free = shutil.disk_usage(at).free
    level: Level = "FAIL" if free < DISK_FAIL_BYTES else "WARN" if free < DISK_WARN_BYTES else "OK"
    fix = "" if level == "OK" else "make room, or set CIC_HOME to a larger disk"
    yield Checkup(level, "disk", f"{free / 2**30:.1f} GiB free at {at}", fix)


def _device(settings: Settings) -> Iterator[Checkup]:
    cards = _cards()
    without = metadata.version("torch").endswith("+cpu")
    if settings.device == "cuda" and (without or not cards):
        found = "CIC_DEVICE is cuda, but " + ("torch is built without it" if without else "there is no card")
        yield Checkup("FAIL", "device", found, "set CIC_DEVICE=auto" + (", or install a CUDA build" if without else ""))
    elif settings.device == "auto" and cards and without:
        yield Checkup("WARN", "device", f"{cards[0]} is not used: torch is built without CUDA", "install a CUDA build")
    else:
        use_card = cards and settings.device != "cpu"
        yield Checkup("OK", "device", ", ".join(cards) if use_card else f"CPU, {os.cpu_count()} cores")


def _cards() -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10)
    except subprocess.TimeoutExpired:
        return []
    return [line.split(" (", 1)[0] for line in done.stdout.splitlines()] if done.returncode == 0 else []


def _git(settings: Settings) -> Iterator[Checkup]:
    if shutil.which("git") is None:
        yield Checkup("FAIL", "git", "not installed", "install git: runs record the commit they came from")
        return
    command = ["git", "-C", str(settings.project), "status", "--porcelain"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        fix = "run inside a clone, or set CIC_PROJECT"
        yield Checkup("FAIL", "git", f"{settings.project} is no working tree: {done.stderr.strip()}", fix)
    elif changed := done.stdout.splitlines():
        yield Checkup(
            "WARN", "git", f"{len(changed)} files differ from the commit", "commit them: runs are marked dirty"
        )
    else:
        yield Checkup("OK", "git", "clean")
