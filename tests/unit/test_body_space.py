"""Large bodies share a bounded space: one that does not fit is refused, and gives nothing away that it did not take."""

import pytest

from bento.wire import SMALL_BODY, BodySpace, RefusedRequestError

LIMIT = 10 * SMALL_BODY


def announced(size):
    return {b"content-length": str(size).encode()}


def test_what_is_held_is_given_back_whatever_happens():
    space = BodySpace(most=3 * SMALL_BODY)
    for _ in range(3):
        with pytest.raises(KeyError), space.holding(announced(2 * SMALL_BODY), LIMIT):
            raise KeyError
    with space.holding(announced(2 * SMALL_BODY), LIMIT):
        with pytest.raises(RefusedRequestError) as refused, space.holding(announced(2 * SMALL_BODY), LIMIT):
            pass
        assert refused.value.status == 429
        assert dict(refused.value.headers)[b"retry-after"] == b"1"
    with space.holding(announced(3 * SMALL_BODY), LIMIT):
        pass


def test_a_small_body_takes_no_place():
    space = BodySpace(most=0)
    one_more = announced(SMALL_BODY + 1)
    with space.holding(announced(SMALL_BODY), LIMIT):
        pass
    with pytest.raises(RefusedRequestError), space.holding(one_more, LIMIT):
        pass


def test_a_body_of_unknown_length_takes_the_routes_whole_limit():
    space = BodySpace(most=LIMIT)
    with space.holding({}, LIMIT), pytest.raises(RefusedRequestError), space.holding(announced(2 * SMALL_BODY), LIMIT):
        pass
