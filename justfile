# Tasks of everyday work; `just` lists them. `.ci/run` does all of `check` on an empty machine.

_default:
    @just --list --unsorted

# write the formatting
fmt:
    uv run ruff format .
    uv run ruff check --fix-only --quiet .

lint:
    uv run ruff format --check .
    uv run ruff check .

# who may import whom
imports:
    uv run lint-imports

types:
    uv run mypy

# all tests, or some: just test tests/unit -k names
test *arguments:
    uv run pytest -n 4 --ignore tests/compose {{ arguments }}

# compose.yaml on a real Docker Engine (as root)
containers:
    .ci/containers

# everything a commit must pass
check: lint imports types test

# the whole system with demo hosts
demo:
    uv run keepwatch up --demo

# docs/images anew, from a demo's data
pictures:
    uv run python docs/images/make.py

# the restic versions that tests run, from Debian's packages (as root)
restic:
    .ci/install-restic .cache/restic

# move to newer packages: first move the date of exclude-newer in pyproject.toml
lock:
    rm -f uv.lock
    uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra server pyproject.toml -o requirements.lock
    uv sync --quiet

# the wheel and the source archive, in dist/
build:
    uv build
