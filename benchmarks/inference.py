"""What evaluates the champion fastest: our tables in numpy, scikit-learn itself, ONNX Runtime, or trees compiled to C.

Run: .venv/bin/python benchmarks/inference.py [--json]
Fits the recipe `boosting` with history on the shipped hours and asks each runtime for the same rows, one thread, in
turns. The other runtimes are no part of the product: `.venv/bin/uv pip install onnx onnxruntime treelite tl2cgen`.
Only the trees are timed, not features and ranges. `row-wise` says whether a row is the same, bit for bit, in any batch.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from meter_core.contracts.readings import FloatArray
from meter_core.features.history import FEATURE_SETS
from meter_core.features.readings import ReadingTable
from meter_core.models.candidates import recipes
from meter_core.models.fit import TrainingData, fit_predictor
from meter_core.models.forest import Forest, Trees
from meter_core.sources import load_profile, read_delivery

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data/uci_sceaux_hourly_2006-2009.csv.gz"
BATCHES = (1, 16, 64, 512, 10_000)
ROUNDS = 15
SLICE_S = 0.03
OURS = "numpy tables (ours)"

Predict = Callable[[FloatArray], FloatArray]


def fitted_on_sample() -> tuple[Forest, HistGradientBoostingRegressor, FloatArray]:
    """Return our trees, the model that they came from, and the rows of its features."""
    delivery = read_delivery(SAMPLE, load_profile("uci_sceaux"))
    data = TrainingData.of(ReadingTable.of(delivery.frame, delivery.zone))
    fitted = fit_predictor(data, recipes()["boosting"])
    part = fitted.predictor.history
    assert part is not None
    assert isinstance(part.model, Forest)
    columns = [FEATURE_SETS["history"].index(name) for name in part.used]
    return part.model, fitted.estimators["history"], np.ascontiguousarray(data.matrix[:, columns])


def runtimes(forest: Forest, model: HistGradientBoostingRegressor, folder: Path) -> Iterator[tuple[str, Predict]]:
    """Yield each runtime that is installed, with the function that it answers by."""
    yield OURS, forest.predict
    yield "scikit-learn", model.predict
    if find_spec("onnxruntime") and find_spec("onnx"):
        yield "ONNX Runtime", onnx(forest.trees)
    if find_spec("treelite") and find_spec("tl2cgen"):
        yield "treelite, compiled to C", compiled(model, folder)


def onnx(trees: Trees) -> Predict:
    """Return the trees in ONNX Runtime, with 64 bits."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    sizes = np.diff(trees.first)
    inner = trees.feature >= 0
    leaves = np.flatnonzero(~inner)
    tree = np.repeat(np.arange(len(sizes)), sizes)
    number = np.arange(len(tree)) - np.repeat(trees.first[:-1], sizes)
    doubles = {
        "nodes_values_as_tensor": np.where(inner, trees.threshold, 0.0),
        "target_weights_as_tensor": trees.value[leaves],
        "base_values_as_tensor": np.array([trees.baseline]),
    }
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["kw"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=tree.tolist(),
        nodes_nodeids=number.tolist(),
        nodes_featureids=np.where(inner, trees.feature, 0).tolist(),
        nodes_modes=["BRANCH_LEQ" if split else "LEAF" for split in inner],
        nodes_truenodeids=np.where(inner, trees.left, 0).tolist(),
        nodes_falsenodeids=np.where(inner, trees.right, 0).tolist(),
        nodes_missing_value_tracks_true=trees.missing_left.astype(int).tolist(),
        target_treeids=tree[leaves].tolist(),
        target_nodeids=number[leaves].tolist(),
        target_ids=[0] * len(leaves),
        **{name: numpy_helper.from_array(values.astype(np.float64), name) for name, values in doubles.items()},
    )
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, int(trees.feature.max()) + 1])
    kw = helper.make_tensor_value_info("kw", TensorProto.FLOAT, [None, 1])
    versions = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 17)]
    model = helper.make_model(helper.make_graph([node], "trees", [rows], [kw]), opset_imports=versions, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    width = int(trees.feature.max()) + 1
    return lambda matrix: session.run(None, {"rows": matrix[:, :width]})[0].ravel().astype(np.float64)


def compiled(model: HistGradientBoostingRegressor, folder: Path) -> Predict:
    """Return the model as a library of compiled C."""
    import tl2cgen
    import treelite

    library = folder / "trees.so"
    tl2cgen.export_lib(treelite.sklearn.import_model(model), toolchain="gcc", libpath=str(library), params={})
    predictor = tl2cgen.Predictor(str(library), nthread=1)
    return lambda rows: predictor.predict(tl2cgen.DMatrix(rows, dtype="float64")).ravel()


def microseconds(predict: Predict, rows: FloatArray) -> float:
    """Return the time of one call, repeated for a slice of time."""
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < SLICE_S or not calls:
        predict(rows)
        calls += 1
    return (time.perf_counter() - began) / calls * 1e6


def measure(candidates: dict[str, Predict], matrix: FloatArray) -> dict[str, dict[str, Any]]:
    """Return microseconds a row by batch size, and how exact each is beside scikit-learn; medians of turns."""
    turns: dict[str, dict[int, list[float]]] = {name: {size: [] for size in BATCHES} for name in candidates}
    for _ in range(ROUNDS):
        for size in BATCHES:
            for name, predict in candidates.items():
                turns[name][size].append(microseconds(predict, matrix[:size]) / size)
    expected = candidates["scikit-learn"](matrix)
    return {
        name: {
            "us_per_row": {size: statistics.median(turns[name][size]) for size in BATCHES},
            "largest_difference_kw": float(np.abs(predict(matrix) - expected).max()),
            "row_wise": row_wise(predict, matrix),
        }
        for name, predict in candidates.items()
    }


def row_wise(predict: Predict, matrix: FloatArray) -> bool:
    """Return whether rows come out the same, bit for bit, alone, in small batches and all together."""
    rows = matrix[:1_000]
    together = predict(rows)
    alone = np.concatenate([predict(rows[n : n + 1]) for n in range(len(rows))])
    sevens = np.concatenate([predict(rows[n : n + 7]) for n in range(0, len(rows), 7)])
    return bool((together == alone).all() and (together == sevens).all())


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    as_json = arguments.parse_args().json
    forest, model, matrix = fitted_on_sample()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(dict(runtimes(forest, model, Path(folder))), matrix[-max(BATCHES) :])
    if as_json:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "runtimes": result}))
        return
    print(f"{len(forest.trees.first) - 1} trees, {matrix.shape[1]} features; microseconds a row at batch size")
    print(f"{'':26}" + "".join(f"{size:>10,}" for size in BATCHES) + "   off by, kW  row-wise")
    for name, found in result.items():
        times = "".join(f"{value:>10.2f}" for value in found["us_per_row"].values())
        print(f"{name:26}{times}   {found['largest_difference_kw']:>10.1e}  {'yes' if found['row_wise'] else 'no'}")


if __name__ == "__main__":
    main()
