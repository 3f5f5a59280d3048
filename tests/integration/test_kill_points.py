"""Ingestion killed at ten seeded points, alone and beside another delivery of the same meters; `make prove` has 200."""

import pytest

from tests.integration.kill_points import kill_world, point_of
from tests.integration.postgres_server import WHEEL, postgres_server

POINTS = 10


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with postgres_server(WHEEL) as server, kill_world(server, tmp_path_factory.mktemp("kills")) as found:
        yield found


@pytest.mark.parametrize("seed", range(POINTS))
def test_killed_and_run_again_is_as_one_clean_run(world, seed):
    assert world.holds(point_of(seed, world), beside=seed % 4 >= 2) is None


def test_the_order_of_two_deliveries_is_all_that_is_open(world):
    first, second = world.together
    assert first != second
    assert first["readings"] != world.alone[0]["readings"]
