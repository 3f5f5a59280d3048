"""The winner against the champion's recipe, segment by segment: what is better on the whole may be worse for some."""

from collections.abc import Mapping

import numpy as np

from meter_core.evaluation.evaluated import Evaluation
from meter_core.evaluation.gate_evidence import Segment


def segments_against(
    evaluation: Evaluation, winner: str, other: str | None, segment_of: Mapping[str, str]
) -> list[Segment]:
    """Return how much better a candidate is than another in each segment of meters.

    Args:
        evaluation: with both.
        winner: name of the candidate.
        other: name of the one it is compared with; None: with nobody.
        segment_of: segment of each meter, as far as known.
    """
    if other is None or other == winner:
        return []
    rows, answers = evaluation.rows, evaluation.candidates[other].answers[0]
    of_meter = np.array([segment_of.get(meter_id, "") for meter_id in rows.meter_id.tolist()])
    segments = []
    for name in sorted(set(of_meter.tolist()) - {""}):
        compared = evaluation.compared_with(winner, answers, name, (of_meter == name)[rows.meter])
        if compared is not None:
            segments.append(Segment(name, int((of_meter == name).sum()), compared.improvement))
    return segments
