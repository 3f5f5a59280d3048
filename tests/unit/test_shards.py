"""Sharing a batch inference while the champion changes; the server's part is played."""

from collections import Counter

import pytest

from flows.shards import Shards
from meter_core.contracts.errors import UnavailableError


@pytest.fixture
def shards():
    return Shards("reading", {}, 3, 3, lambda *_: None)


def ended(shards, number, version):
    """A shard ended: `_start` and `_look` as far as they concern versions."""
    if number in shards._waiting:
        shards._waiting.remove(number)
    shards._order = [*(each for each in shards._order if each != number), number]
    shards._results[number] = {"model_version": version}
    shards._level()


def until_done(shards, version):
    while shards._waiting:
        ended(shards, shards._waiting[0], version)


def test_after_a_promotion_the_older_ones_are_run_again(shards):
    ended(shards, 1, "9")
    ended(shards, 2, "10")
    assert shards._waiting == [1]
    until_done(shards, "10")
    assert {result["model_version"] for result in shards._results.values()} == {"10"}


def test_after_a_rollback_too_and_that_ends(shards):
    for number, version in ((1, "10"), (2, "10"), (3, "9")):
        ended(shards, number, version)
    assert shards._waiting == [1, 2]
    until_done(shards, "9")
    assert Counter(result["model_version"] for result in shards._results.values()) == {"9": 3}


def test_one_that_began_earlier_and_ends_later_decides_nothing(shards):
    shards._order = [1, 2]
    shards._results = {2: {"model_version": "10"}, 1: {"model_version": "9"}}
    shards._level()
    assert shards._waiting == [1]


def test_a_champion_that_changes_all_the_time_is_given_up(shards):
    def changing():
        for version in range(20):
            ended(shards, version % 2 + 1, str(version))

    with pytest.raises(UnavailableError, match="ended 3 times, at last as predictions of version"):
        changing()
