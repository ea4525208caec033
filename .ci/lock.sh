#!/usr/bin/env bash
# Writes requirements.lock from pyproject.toml and constraints.txt, with the hashes of all files of each version; needs uv.
# torch is left out, since its build (CPU, CUDA) is the user's choice; what it needs besides CUDA is in.
set -euo pipefail
cd "$(dirname "$0")/.."
{
    echo "# Written by .ci/lock.sh from pyproject.toml and constraints.txt: what make installs, except torch."
    {
        echo pip setuptools filelock fsspec jinja2 networkx sympy typing_extensions | tr ' ' '\n'
    } | uv pip compile - pyproject.toml --extra dev --override <(echo "torch ; python_version < '3'") \
        --constraint constraints.txt --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet
} > requirements.lock.new
mv requirements.lock.new requirements.lock
