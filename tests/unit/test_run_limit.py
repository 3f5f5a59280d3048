"""How long a run may take."""

import os
import subprocess
import sys

ASKED = """
from flows.predict_batch import predict_batch, predict_rows
from flows.train_model import train_model
print(train_model.timeout_seconds, predict_rows.timeout_seconds, predict_batch.timeout_seconds)
"""


def test_the_limit_is_a_setting_and_the_whole_of_shards_has_none():
    known = {**os.environ, "METER_RUN_SECONDS": "300"}
    done = subprocess.run([sys.executable, "-c", ASKED], env=known, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["300.0", "300.0", "None"]
