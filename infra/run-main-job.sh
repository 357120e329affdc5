#!/usr/bin/env bash
# The main job, as a person would run it: platform up, default data, deploy, run, summary, platform down.
# Arguments go to `prefect deployment run`, such as --param search='{"trials": 60}'.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cic status >/dev/null 2>&1; then
    cic up
    trap 'cic down' EXIT
fi
eval "$(cic env)"
cic data simulate
prefect --no-prompt deploy --all >"$CIC_HOME/logs/deploy.log" 2>&1 || { cat "$CIC_HOME/logs/deploy.log"; exit 1; }
prefect deployment run cic-train/train-and-judge --watch --watch-timeout 3600 "$@"
cic show
