"""The generated gRPC code is that of the .proto: `make proto` would write the same."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ("prediction_pb2.py", "prediction_pb2.pyi", "prediction_pb2_grpc.py")


def test_make_proto_would_write_what_is_there(tmp_path):
    shutil.copytree(ROOT / "bento" / "proto", tmp_path / "bento" / "proto")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "meter_core").mkdir()
    command = ["make", "proto", "--assume-old=install", f"BIN={Path(sys.executable).parent}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text() for path in (tmp_path / "meter_core" / "rpc").iterdir()}
    assert written == {name: (ROOT / "meter_core" / "rpc" / name).read_text() for name in GENERATED}
