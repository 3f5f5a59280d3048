"""`POST /explain`: a prediction and what moved it, for one reading."""

from bento.answers import prediction_columns
from bento.champion import Champion
from bento.columns import of_readings
from bento.decoding import decode_reading
from bento.handlers import Predicting
from bento.keys import Caller
from bento.notes import in_single
from bento.routes import Handler, Request
from bento.schemas import Contribution, ExplainedPrediction, Reading
from bento.wire import Answer, encode
from meter_core.models.explain import explain


def explaining(predicting: Predicting) -> Handler:
    """Return what answers `/explain`; it checks as `/predict` does, and computes beside the event loop."""

    async def answered(request: Request) -> Answer:
        reading = decode_reading(request.body)
        found = await predicting.in_thread(lambda champion: _explained(predicting, reading, request.caller, champion))
        return Answer(encode(found), headers=predicting.stale())

    return answered


def _explained(predicting: Predicting, reading: Reading, caller: Caller, champion: Champion) -> ExplainedPrediction:
    """Return one reading's prediction with its explanation.

    Raises:
        RefusedRequestError: 403 or 422.
    """
    values = of_readings([reading])
    usable = predicting.usable(values, in_single, caller, champion)
    found = explain(champion.predictor, usable.batch)
    reference_kwh, parts = (found.reference_kwh, found.contributions) if found else (None, ())
    shares = [Contribution(one.group, one.value, one.reference, one.kwh, one.words) for one in parts]
    (fields,) = zip(*prediction_columns(values, usable, champion), [reference_kwh], [shares], strict=True)
    return ExplainedPrediction(*fields)
