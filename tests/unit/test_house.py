"""Rules of the house that a script can check: sizes, tests that assert, no machine paths, locks that fit."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION, LONGEST_MODULE = 60, 400
ASSERTING = {"raises", "warns", "fail", "expect"}
MACHINE_PATH = re.compile(r"(?<![\w.$}~])/(?:work|root|farm|home/\w+)/")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|proxy\.golang|crates\.io|deb\.debian")


def tracked(*suffixes: str) -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listing.splitlines()]
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def modules() -> list[Path]:
    return [path for path in tracked(".py") if "rpc" not in path.parts]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def asserts(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ASSERTING or name.startswith(("assert_", "check_", "expect_")):
                return True
    return False


def test_functions_and_modules_stay_small_enough_to_hold_in_the_head():
    long = [f"{p}: {n}" for p in modules() if (n := p.read_text().count("\n")) > LONGEST_MODULE]
    for path in modules():
        for node in functions(path):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                long.append(f"{path}:{node.lineno} {node.name}: {length}")
    assert not long


def test_every_test_can_fail():
    empty = [
        f"{path}:{node.lineno} {node.name}"
        for path in modules()
        if path.name.startswith("test_")
        for node in functions(path)
        if node.name.startswith("test_") and not asserts(node)
    ]
    assert not empty


def test_no_file_names_a_path_of_a_machine_or_a_package_registry():
    guilty = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".gz", ".png", ".ico", ".woff2"}:
            continue
        text = path.read_text(errors="ignore")
        guilty += [f"{path}: {m.group()}" for m in (MACHINE_PATH.search(text), REGISTRY.search(text)) if m]
    assert not guilty


@pytest.mark.parametrize("lock", ["all", "serve", "jobs", "mlflow", "prefect", "uv"])
def test_locks_are_hashed_and_record_no_address(lock):
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
    pins = [n for n, line in enumerate(lines) if re.match(r"^[a-z0-9]", line)]
    assert pins
    assert all("==" in lines[n] and "--hash=sha256:" in lines[n + 1] for n in pins)
    assert not [line for line in lines if "://" in line or line.startswith("--")]


def test_the_lock_satisfies_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(r) for group in project["optional-dependencies"].values() for r in group]
    wanted += [Requirement(r) for r in project["dependencies"]]
    lock = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (ROOT / "requirements/all.txt").read_text(), re.MULTILINE))
    missing = [str(r) for r in wanted if lock.get(r.name.lower(), "0") not in r.specifier or r.name.lower() not in lock]
    assert not missing


def test_only_shipped_data_is_in_the_repository():
    data = {path.name for path in tracked(".csv", ".gz", ".parquet") if "tests" not in path.parts}
    shipped = {"uci_sceaux_hourly_2006-2009.csv.gz", "fontana_10_homes_hourly_2016-17.csv.gz"}
    assert data == shipped | {"measured_fortnight.csv"}  # two weeks of the first, to try the page with
