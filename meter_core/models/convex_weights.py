"""Weights of what is blended: not negative, with sum 1, drawn to a prior.

Stacked regressions (L. Breiman 1996) with the constraint he found to work.
"""

from typing import Final

import numpy as np

from meter_core.contracts.readings import FloatArray

SHRINKAGE: Final = 0.003
"""How strongly weights are drawn to the prior, as a share of the mean square of what is blended."""

_SUM: Final = 1e3


def convex_weights(said: FloatArray, measured: FloatArray, weight: FloatArray, prior: FloatArray) -> FloatArray:
    """Return the (p,) weights of least squares.

    Args:
        said: (n, p) out-of-sample values to blend.
        measured: (n,) what they should have said.
        weight: (n,) of each squared error.
        prior: (p,) weights where nothing else is known.
    """
    from scipy.optimize import nnls  # type: ignore[import-untyped]  # no types; fitting only: the service has no scipy

    share = weight / weight.sum()
    squares = np.einsum("ij,ik,i->jk", said, said, share)
    scale = max(float(np.trace(squares)) / len(prior), np.finfo(float).tiny)
    drawn = squares + SHRINKAGE * scale * np.eye(len(prior)) + _SUM * scale
    wanted = np.einsum("ij,i,i->j", said, measured, share) + SHRINKAGE * scale * prior + _SUM * scale
    root = np.linalg.cholesky(drawn)
    found, _ = nnls(root.T, np.linalg.solve(root, wanted))
    return np.asarray(found / found.sum())
