"""Work done ahead in a thread: order, errors of the maker, and an end of the maker when nobody wants more."""

import threading

import pytest

from meter_core.jobs.ahead import ahead


def makers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "reads-ahead"]


def test_items_come_in_order_and_the_next_is_made_meanwhile():
    made, two = [], threading.Event()

    def make():
        for number in range(5):
            made.append(number)
            if number == 2:
                two.set()
            yield number

    with ahead(make()) as items:
        assert next(items) == 0
        assert two.wait(10), "nothing is made ahead"
        assert list(items) == [1, 2, 3, 4]
    assert made == [0, 1, 2, 3, 4]
    assert makers() == []


def test_what_the_maker_raises_is_raised_where_the_items_are_used():
    def make():
        yield 1
        raise ValueError("line 7 is broken")

    with ahead(make()) as items, pytest.raises(ValueError, match="line 7"):
        list(items)
    assert makers() == []


def test_the_maker_ends_where_the_user_fails():
    def make():
        while True:
            yield 1

    def use():
        with ahead(make()) as items:
            next(items)
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert makers() == []
