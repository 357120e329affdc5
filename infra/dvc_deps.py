"""Bring `dvc.yaml` up to date with what the stages depend on: `make dvc`. What is not listed here stays as it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cic.dependencies import collapsed, libraries
from cic.pipeline import workspace
from cic.stage_list import STAGES

INVENTORY = "build/inventory.json"
METRICS = "headline.json"
"""What `dvc metrics` shows. The hundreds of numbers in metrics.json are an ordinary output."""


def generated(described: dict[str, Any]) -> dict[str, Any]:
    """Give the stages of `dvc.yaml` with dependencies, parameters and outputs as `cic.stage_list` has them."""
    folders = workspace(Path("build"))
    manifests = [str(folders[name] / "manifest.json") for name in STAGES]
    for name, stage in STAGES.items():
        read = [str(folders[other] / file) for other, files in stage.reads.items() for file in files]
        keys = [f"versions.{library}" for library in libraries(stage.sources)] + list(stage.outside)
        entry = described[name]
        entry["cmd"] = f"cic {name}"
        entry["deps"] = [*([] if read else ["${data.file}"]), *read, *collapsed(stage.sources)]
        entry["params"] = ["seed", *stage.sections, {INVENTORY: keys}]
        metrics = [str(folders[name] / METRICS)] if METRICS in stage.files else []
        outs = [str(folders[name] / file) for file in (*stage.files, "manifest.json")]
        entry["outs"] = [file for file in outs if file not in metrics]
        if metrics:
            entry["metrics"] = [{file: {"cache": False}} for file in metrics]
    described["publish"]["deps"] = manifests
    return described


def main(path: Path) -> None:
    """Rewrite the file in place; comments and what else it says are kept."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text())
    generated(content["stages"])
    with path.open("w") as file:
        yaml.dump(content, file)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dvc.yaml"))
