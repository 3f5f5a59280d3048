"""Sums of regression trees in numpy alone, without walking them: a feature's value says which leaves it rules out.

A row leaves a tree at the leftmost leaf that no feature rules out (QuickScorer: Lucchese et al., SIGIR 2015). So a row
costs one table row and one AND per feature for all trees at once, and does not depend on the rows beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from meter_core.contracts.errors import UsageError
from meter_core.contracts.readings import FloatArray, IntArray

CHUNK_ROWS: Final = 256
"""Rows whose leaf masks are in cache together."""

JOINT_STATES: Final = 1_024
"""Features with few thresholds share a table as long as their combinations are no more than this."""

_DE_BRUIJN: Final = {16: 0x09AF, 32: 0x077CB531, 64: 0x03F79D71B4CB0A89}
"""Sequences that turn a lowest set bit into its number by one multiplication and shift."""


@dataclass(frozen=True, slots=True)
class Trees:
    """The nodes of all trees, one after the other.

    Attributes:
        first: (t + 1,) number of each tree's root, and the number of nodes.
        feature: (m,) column that a node splits on; -1 at a leaf.
        threshold: (m,) a value up to and including it goes left.
        left: (m,) number of the left child within the tree; so `right`.
        right: (m,) number of the right child.
        missing_left: (m,) whether a missing value goes left.
        value: (m,) what a leaf adds.
        baseline: what the sum starts from.
    """

    first: IntArray
    feature: IntArray
    threshold: FloatArray
    left: IntArray
    right: IntArray
    missing_left: NDArray[np.bool_]
    value: FloatArray
    baseline: float

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays, by name."""
        return {name: np.asarray(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Trees":
        """Return the trees that `arrays` came from."""
        values: dict[str, Any] = {name: arrays[name] for name in cls.__slots__}
        return cls(**values | {"baseline": float(arrays["baseline"])})


class Forest:
    """Trees, compiled to tables."""

    def __init__(self, trees: Trees) -> None:
        self.trees = trees
        count = len(trees.first) - 1
        spans = [_leaf_spans(trees, tree) for tree in range(count)]
        leaves = max((int(span[0, 1]) for span in spans), default=1)
        self._bits = next((bits for bits in _DE_BRUIJN if leaves <= bits), 0)
        if not self._bits:
            raise UsageError(f"a tree has {leaves} leaves; at most 64 can be exported: lower max_leaf_nodes")
        self._word = np.dtype(f"u{self._bits // 8}").type
        self._factor, self._shift = self._word(_DE_BRUIJN[self._bits]), self._word(_SHIFT[self._bits])
        self._values = _leaf_values(trees, spans, self._bits)
        self._offset = np.arange(count, dtype=np.int64) * self._bits
        self._tables = _joined([_table(trees, spans, column, self._word) for column in _columns(trees)])

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Return (n,) sums of leaf values for (n, k) features, NaN where missing."""
        out = np.empty(len(matrix))
        for start in range(0, len(matrix), CHUNK_ROWS):
            out[start : start + CHUNK_ROWS] = self._chunk(matrix[start : start + CHUNK_ROWS])
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the trees as arrays, by name."""
        return self.trees.arrays()

    def words(self) -> str:
        """Return its kind."""
        return "trees"

    def _chunk(self, matrix: FloatArray) -> FloatArray:
        """Return the sums of some rows."""
        left: NDArray[Any] | None = None
        for table in self._tables:
            rows = table.masks.take(table.state(matrix), axis=0)
            left = rows if left is None else np.bitwise_and(left, rows, out=left)
        if left is None:
            left = np.ones((len(matrix), len(self._offset)), dtype=self._word)
        np.bitwise_and(left, np.negative(left), out=left)
        np.multiply(left, self._factor, out=left)
        np.right_shift(left, self._shift, out=left)
        place = np.add(left, self._offset, dtype=np.int64, casting="unsafe")  # below 64: no unsigned value is lost
        return self._values.take(place).sum(axis=1) + self.trees.baseline


_SHIFT: Final = {16: 12, 32: 27, 64: 58}


@dataclass(frozen=True, slots=True)
class _Table:
    """Which leaves of each tree the values of one or more features leave standing.

    Attributes:
        columns: of the features.
        thresholds: theirs, sorted.
        masks: (states, trees) a bit a leaf.
    """

    columns: tuple[int, ...]
    thresholds: tuple[FloatArray, ...]
    masks: NDArray[Any]

    def state(self, matrix: FloatArray) -> IntArray:
        """Return (n,) which row of `masks` applies: the number of thresholds below the value, one more for missing."""
        state: Any = 0
        for column, thresholds in zip(self.columns, self.thresholds, strict=True):
            values = matrix[:, column]
            below = thresholds.searchsorted(values)
            below[np.isnan(values)] = len(thresholds) + 1
            state = state * (len(thresholds) + 2) + below
        return state


def _columns(trees: Trees) -> list[int]:
    """Return the columns that any tree splits on."""
    return sorted(set(trees.feature[trees.feature >= 0].tolist()))


def _leaf_spans(trees: Trees, tree: int) -> IntArray:
    """Return (nodes, 2) the first leaf under each node and the one after its last, counted from left to right."""
    start, stop = int(trees.first[tree]), int(trees.first[tree + 1])
    spans = np.zeros((stop - start, 2), dtype=np.int64)
    seen = 0

    def walk(node: int) -> None:
        nonlocal seen
        spans[node, 0] = seen
        if trees.feature[start + node] < 0:
            seen += 1
        else:
            walk(int(trees.left[start + node]))
            walk(int(trees.right[start + node]))
        spans[node, 1] = seen

    walk(0)
    return spans


def _leaf_values(trees: Trees, spans: list[IntArray], bits: int) -> FloatArray:
    """Return (trees * bits,) leaf values, each where the multiplication of its bit finds it."""
    place = [((1 << leaf) * _DE_BRUIJN[bits] & ((1 << bits) - 1)) >> _SHIFT[bits] for leaf in range(bits)]
    values = np.zeros((len(spans), bits))
    for tree, span in enumerate(spans):
        start = int(trees.first[tree])
        for node in np.flatnonzero(trees.feature[start : start + len(span)] < 0):
            values[tree, place[span[node, 0]]] = trees.value[start + node]
    return values.ravel()


def _table(trees: Trees, spans: list[IntArray], column: int, word: Any) -> _Table:
    """Return the table of one feature: a node that a value sends right rules out the leaves on its left."""
    nodes = np.flatnonzero(trees.feature == column)
    thresholds = np.unique(trees.threshold[nodes])
    masks = np.full((len(thresholds) + 2, len(spans)), np.iinfo(word).max, dtype=word)
    trees_of = np.searchsorted(trees.first, nodes, side="right") - 1
    for node, tree in zip(nodes.tolist(), trees_of.tolist(), strict=True):
        first, stop = spans[tree][trees.left[node]].tolist()
        kept = word(~((1 << stop) - (1 << first)) & int(np.iinfo(word).max))
        masks[int(thresholds.searchsorted(trees.threshold[node])) + 1 : -1, tree] &= kept
        if not trees.missing_left[node]:
            masks[-1, tree] &= kept
    return _Table((column,), (thresholds,), masks)


def _joined(tables: list[_Table]) -> list[_Table]:
    """Return the tables with small ones combined, so that a row needs fewer steps."""
    joined: list[_Table] = []
    for table in sorted(tables, key=lambda t: len(t.masks)):
        if joined and len(joined[-1].masks) * len(table.masks) <= JOINT_STATES:
            joined[-1] = _product(joined[-1], table)
        else:
            joined.append(table)
    return joined


def _product(one: _Table, other: _Table) -> _Table:
    """Return the table of the features of both."""
    masks = (one.masks[:, None, :] & other.masks[None, :, :]).reshape(-1, one.masks.shape[1])
    return _Table(one.columns + other.columns, one.thresholds + other.thresholds, masks)
