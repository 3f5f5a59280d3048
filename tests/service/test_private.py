"""What is taken from BentoML's private parts is as it was when it was taken: an upgrade that changes it fails here."""

import asyncio
import inspect

import bentoml
from _bentoml_sdk.service.factory import Service
from bentoml._internal.marshal.dispatcher import CorkDispatcher, Optimizer

from bento.private import BENTOML_VERSION, MicroBatcher, OutsideService, api_page_assets, body_at_hand, has_left


def test_the_version_is_the_one_it_was_written_for():
    assert bentoml.__version__ == BENTOML_VERSION


def test_the_signatures_are_those_that_are_used():
    assert list(inspect.signature(Service.to_asgi).parameters) == ["self", "is_main"]
    assert {"max_latency_in_ms", "max_batch_size", "fallback", "get_batch_size"} <= set(
        inspect.signature(CorkDispatcher.__init__).parameters
    )
    assert "service_class" in inspect.signature(bentoml.service).parameters


def test_the_outer_application_wraps_bentomls():
    class Held:
        @staticmethod
        def asgi(inside):
            return ("ours", inside)

    made = bentoml.service(service_class=OutsideService)(Held)
    ours, inside = made.to_asgi()
    assert ours == "ours"
    assert callable(inside)


def test_swagger_ui_is_there():
    assert {"swagger-ui-bundle.js", "swagger-ui.css"} <= {file.name for file in api_page_assets().iterdir()}


def test_items_that_wait_together_are_answered_together_each_with_its_own():
    batches = []

    async def twice(items):
        batches.append(len(items))
        await asyncio.sleep(0)
        return [ValueError(item) if item == 13 else 2 * item for item in items]

    async def ask_all():
        one = MicroBatcher(twice, 64)
        return await asyncio.gather(*(one(item) for item in range(200)))

    answers = asyncio.run(ask_all())
    assert [answer for answer in answers if not isinstance(answer, ValueError)] == [
        2 * n for n in range(200) if n != 13
    ]
    assert isinstance(answers[13], ValueError)
    assert max(batches) == 64
    assert sum(batches) == 200


def test_nobody_is_held_back_for_company_however_long_others_had_to_wait():
    """BentoML's own batcher holds the first of a batch back by what it learnt, here a minute."""

    async def held_back(own_optimizer):
        async def same(items):
            return items

        one = MicroBatcher(same, 64)
        if own_optimizer:
            one._dispatcher.optimizer = Optimizer(10.0)
        for _ in range(20):
            one._dispatcher.optimizer.log_outbound(1, wait=60.0, duration=0.001)
        one._dispatcher.optimizer.trigger_refresh()
        for _ in range(11):  # its training holds nobody back for long
            await asyncio.wait_for(one(1), 10)
        return one._dispatcher.optimizer.wait

    assert asyncio.run(held_back(own_optimizer=False)) == 0
    assert asyncio.run(held_back(own_optimizer=True)) > 1


def test_the_batcher_says_how_many_wait_and_for_how_long():
    seen = []

    async def ask():
        async def look(items):
            await asyncio.sleep(0.02)
            seen.append((one.waiting, one.age_s))
            return items

        one = MicroBatcher(look, 1)
        assert (one.waiting, one.age_s) == (0, 0.0)
        await asyncio.gather(*(one(item) for item in range(3)))
        assert one.waiting == 0

    asyncio.run(ask())
    assert [waiting for waiting, _ in seen] == [2, 1, 0]
    assert seen[0][1] > 0.01
    assert seen[-1][1] == 0.0


def test_uvicorn_tells_what_has_arrived_and_who_has_left():
    """The real request object of uvicorn's httptools protocol, as `receive` carries it."""
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    async def ask():
        cycle = RequestResponseCycle(
            scope={},
            transport=None,
            flow=FlowControl(None),
            logger=None,
            access_logger=None,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=lambda: None,
        )
        cycle.body += b"half"
        assert body_at_hand(cycle.receive) is None
        cycle.more_body = False
        assert body_at_hand(cycle.receive) == b"half"
        assert has_left(cycle.receive) is False
        cycle.disconnected = True
        assert has_left(cycle.receive) is True

    asyncio.run(ask())


def test_another_server_is_asked_as_asgi_wants_it():
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    assert body_at_hand(receive) is None
    assert has_left(receive) is False


def test_a_batch_that_fails_fails_its_items_and_not_the_next():
    async def fails_once(items):
        if items[0] == "bad":
            raise RuntimeError("broken")
        return items

    async def ask():
        one = MicroBatcher(fails_once, 8)
        return await one("bad"), await one("good")

    failed, good = asyncio.run(ask())
    assert isinstance(failed, RuntimeError)
    assert good == "good"


def test_an_item_that_the_batcher_drops_is_cancelled():
    """It drops what it estimates to wait for longer than its limit; here it estimates a second."""

    async def echoed(items):
        return items

    async def ask():
        one = MicroBatcher(echoed, 8)
        for item in range(12):  # it learns first
            await one(item)
        one._dispatcher.max_latency = 1.0
        one._dispatcher.optimizer.o_b = 1.0
        futures = [one(item) for item in range(3)]
        await asyncio.wait(futures)
        return [future.cancelled() for future in futures]

    assert asyncio.run(ask()) == [True, True, False]
