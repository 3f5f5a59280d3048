"""The wheel holds `meter_core` only, with everything that it reads at run time."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_meter_core_and_what_it_reads(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"meter_core"}
    read = {path.relative_to(ROOT).as_posix() for path in (ROOT / "meter_core").rglob("*") if path.is_file()}
    assert {name for name in read if "__pycache__" not in name} <= set(held)
    assert any(name.endswith("licenses/LICENSE") for name in held)
