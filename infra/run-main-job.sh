#!/usr/bin/env bash
# The main job, as a person would run it: platform up, default data, deploy, run, summary, platform down.
# Arguments go to `cic run`, such as -S search.trials=60.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cic status >/dev/null 2>&1; then
    cic up
    trap 'cic down; echo "the pages above open again after \`cic up\`; what reads the registry works without"' EXIT
fi
eval "$(cic env)"
cic data simulate
prefect --no-prompt deploy --all >"$CIC_HOME/logs/deploy.log" 2>&1 || { cat "$CIC_HOME/logs/deploy.log"; exit 1; }
cic run "$@"
