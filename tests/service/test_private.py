"""What is taken from BentoML's private parts is as it was when it was taken: an upgrade that changes it fails here."""

import asyncio
import inspect

import bentoml
import pytest
from _bentoml_sdk.service.factory import Service
from bentoml._internal.marshal.dispatcher import CorkDispatcher

from bento.private import BENTOML_VERSION, OutsideService, api_page_assets, micro_batcher


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
        one = micro_batcher(twice, 64)
        return await asyncio.gather(*(one(item) for item in range(200)), return_exceptions=True)

    answers = asyncio.run(ask_all())
    assert [answer for answer in answers if not isinstance(answer, ValueError)] == [
        2 * n for n in range(200) if n != 13
    ]
    assert isinstance(answers[13], ValueError)
    assert max(batches) == 64
    assert sum(batches) == 200


def test_a_batch_that_fails_fails_its_items_and_not_the_next():
    async def fails_once(items):
        if items[0] == "bad":
            raise RuntimeError("broken")
        return items

    async def ask():
        one = micro_batcher(fails_once, 8)
        with pytest.raises(RuntimeError, match="broken"):
            await one("bad")
        return await one("good")

    assert asyncio.run(ask()) == "good"
