"""A small recurrent network (GRU) over the last 168 hours of all meters, in JAX: means and quantiles at once."""

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.outsiders.asked import Asked, Said, empty
from meter_core.calendar import local_hour_and_weekday
from meter_core.contracts.features import QUANTILES
from meter_core.contracts.readings import FloatArray, IntArray
from meter_core.features.readings import ReadingTable

NEEDS = "jax"
WINDOW, HIDDEN, EPOCHS, BATCH, RATE = 168, 48, 12, 128, 3e-3
LEVEL_HOURS = 28 * 24
AHEAD_HOURS = 24
STEP_HOURS = {"ahead": 17, "reading": 5}
"""Every so manieth hour of a meter is learnt from; both come to every hour of the day."""


def absent() -> bool:
    """Return whether the package is not there."""
    return find_spec(NEEDS) is None


def say(asked: Asked) -> Said:
    """Return what the network says, fitted on all meters together."""
    hours = AHEAD_HOURS if asked.task == "ahead" else 1
    inputs, targets, answered = [], [], []
    for group, _, own in asked.meters():
        grid = _Grid(group, asked.split.fit_until_s)
        ends = np.arange(WINDOW, grid.known - hours, STEP_HOURS[asked.task])
        inputs.append(grid.inputs(ends))
        targets.append(grid.targets(ends, hours))
        answered.append((grid, own, asked.rows.origin_s[asked.chosen[own]], asked.rows.ts_s[asked.chosen[own]]))
    weights = _fitted(np.concatenate(inputs), np.concatenate(targets))
    answers = empty(asked)
    for grid, own, origin_s, ts_s in answered:
        if own.size:
            at, which = np.unique(grid.place(origin_s), return_inverse=True)
            said = np.asarray(_forward(weights, grid.inputs(at))).reshape(len(at), hours, 1 + len(QUANTILES))
            said = np.maximum(said[which, grid.place(ts_s) - grid.place(origin_s)] * grid.level(at)[which, None], 0.0)
            answers.mean_kwh[own] = said[:, 0]
            answers.quantiles_kwh[own] = np.sort(said[:, 1:], axis=1)
    return Said(answers, sum(int(np.size(each)) for each in weights.values()))


class _Grid:
    """A meter's hours without gaps in time: what a network is shown of them."""

    def __init__(self, group: ReadingTable, until_s: int) -> None:
        self._start_s = int(group.ts_s[0])
        at_s = np.arange(self._start_s, int(group.ts_s[-1]) + 3_600, 3_600)
        self._kwh = np.full(len(at_s), np.nan)
        self._kwh[self.place(group.ts_s)] = group.units_kwh
        self._load = np.full(len(at_s), np.nan)
        self._load[self.place(group.ts_s)] = group.load_kw
        hour, weekday = local_hour_and_weekday(at_s, str(group.zone[0]))
        day, week = 2 * np.pi * hour / 24, 2 * np.pi * (weekday * 24 + hour) / 168
        self._clock = np.stack([np.sin(day), np.cos(day), np.sin(week), np.cos(week)], axis=1)
        self.known = min(len(at_s), (until_s - self._start_s) // 3_600)

    def place(self, ts_s: IntArray) -> IntArray:
        return (ts_s - self._start_s) // 3_600

    def level(self, ends: IntArray) -> FloatArray:
        """Return the mean of the 28 days before each end."""
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(self._kwh))])
        count = np.concatenate([[0], np.cumsum(~np.isnan(self._kwh))])
        first = np.maximum(ends - LEVEL_HOURS, 0)
        return np.maximum((total[ends] - total[first]) / np.maximum(count[ends] - count[first], 1), 0.02)

    def inputs(self, ends: IntArray) -> FloatArray:
        """Return (n, 168, 8): share, whether it is known, clock, and in all steps the load at the end and if known."""
        steps = ends[:, None] - np.arange(WINDOW, 0, -1)
        share = self._kwh[np.maximum(steps, 0)] / self.level(ends)[:, None]
        share = np.where(steps >= 0, share, np.nan)
        load = (self._load[np.minimum(ends, len(self._load) - 1)] / self.level(ends))[:, None] * np.ones(WINDOW)
        shown = [np.nan_to_num(share), ~np.isnan(share), np.nan_to_num(load), ~np.isnan(load)]
        return np.concatenate(
            [np.stack(shown, axis=2).astype(np.float32), self._clock[steps % len(self._clock)].astype(np.float32)],
            axis=2,
        )

    def targets(self, ends: IntArray, hours: int) -> FloatArray:
        return (self._kwh[ends[:, None] + np.arange(hours)] / self.level(ends)[:, None]).astype(np.float32)


def _forward(weights: dict[str, Any], inputs: FloatArray) -> Any:
    """Return (n, hours * 4) means and quantiles."""
    import jax
    import jax.numpy as jnp

    def step(hidden: Any, shown: Any) -> tuple[Any, None]:
        gates = shown @ weights["in"] + weights["bias"]
        back = hidden @ weights["back"]
        reset, update = (
            jax.nn.sigmoid(gates[:, n * HIDDEN : (n + 1) * HIDDEN] + back[:, n * HIDDEN : (n + 1) * HIDDEN])
            for n in (0, 1)
        )
        new = jnp.tanh(gates[:, 2 * HIDDEN :] + reset * back[:, 2 * HIDDEN :])
        return (1 - update) * new + update * hidden, None

    hidden, _ = jax.lax.scan(step, jnp.zeros((len(inputs), HIDDEN)), jnp.swapaxes(jnp.asarray(inputs), 0, 1))
    return hidden @ weights["out"] + weights["out_bias"]


def _loss(weights: dict[str, Any], inputs: Any, targets: Any) -> Any:
    """Return squared error of the mean and pinball loss of the quantiles; a missing target counts nothing."""
    import jax.numpy as jnp

    said = _forward(weights, inputs).reshape(*targets.shape, 1 + len(QUANTILES))
    known = ~jnp.isnan(targets)
    off = jnp.where(known, jnp.nan_to_num(targets) - said[..., 0], 0.0)
    over = jnp.where(known[..., None], jnp.nan_to_num(targets)[..., None] - said[..., 1:], 0.0)
    levels = jnp.asarray(QUANTILES)
    return (0.3 * jnp.minimum(off**2, 9.0) + jnp.maximum(levels * over, (levels - 1) * over).sum(axis=-1)).mean()


def _fitted(inputs: FloatArray, targets: FloatArray) -> dict[str, Any]:
    """Return the weights after some epochs of Adam, its rate falling to nothing."""
    import jax
    import jax.numpy as jnp

    draws, out = np.random.default_rng(0), targets.shape[1] * (1 + len(QUANTILES))
    shapes = {"in": (inputs.shape[2], 3 * HIDDEN), "back": (HIDDEN, 3 * HIDDEN), "out": (HIDDEN, out)}
    weights = {
        name: jnp.asarray(draws.normal(size=shape) / np.sqrt(shape[0]), jnp.float32) for name, shape in shapes.items()
    }
    weights |= {"bias": jnp.zeros(3 * HIDDEN), "out_bias": jnp.ones(out)}
    first, second = ({name: jnp.zeros_like(each) for name, each in weights.items()} for _ in (0, 1))
    steps = EPOCHS * (len(inputs) // BATCH)

    @partial(jax.jit, static_argnames=())
    def moved(weights: Any, first: Any, second: Any, number: Any, some: Any, aims: Any) -> Any:
        slope = jax.grad(_loss)(weights, some, aims)
        first = jax.tree.map(lambda one, g: 0.9 * one + 0.1 * g, first, slope)
        second = jax.tree.map(lambda one, g: 0.999 * one + 0.001 * g * g, second, slope)
        rate = RATE * (1.0 - (number - 1) / steps)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * (m / (1 - 0.9**number)) / (jnp.sqrt(v / (1 - 0.999**number)) + 1e-8),
            weights, first, second,
        )  # fmt: skip
        return weights, first, second

    number = 0
    for _ in range(EPOCHS):
        order = draws.permutation(len(inputs))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            number += 1
            some = order[start : start + BATCH]
            weights, first, second = moved(weights, first, second, float(number), inputs[some], targets[some])
    return weights
