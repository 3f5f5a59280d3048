"""What `meter explain-change` compares with where the champion of then cannot be read."""

from types import SimpleNamespace

from meter_core.jobs.explain_change import _model_then
from meter_core.models.packed import write_packed


def test_a_champion_of_an_earlier_format_gives_place_to_todays_and_is_named(tmp_path):
    write_packed(tmp_path, {"format": "ahead 2"}, {})
    registry = SimpleNamespace(version=lambda number: number, fetch=lambda ref, folder: tmp_path)
    today, connections = object(), SimpleNamespace(home=tmp_path)
    model, words = _model_then(registry, "7", today, connections)
    assert model is today
    assert words.startswith(" Model 7, champion then, cannot be read (")
    assert "predictor format 'ahead 2'" in words
    assert words.endswith("today's is taken for both.")
    assert _model_then(registry, None, today, connections) == (today, "")
