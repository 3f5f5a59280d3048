"""The import of Great Expectations in the background touches nothing of what else the process holds."""

import gc
import sys

from meter_core.quality import warm_up


def test_what_the_process_holds_meanwhile_stays_collectable(tmp_path, monkeypatch):
    package = tmp_path / "great_expectations"
    package.mkdir()
    (package / "__init__.py").write_text("import gc\ncollected_meanwhile = gc.isenabled()\n")
    monkeypatch.setitem(sys.modules, "great_expectations", None)  # so that what is there now comes back
    monkeypatch.delitem(sys.modules, "great_expectations")
    monkeypatch.syspath_prepend(tmp_path)
    frozen = gc.get_freeze_count()
    warm_up().join()
    assert not sys.modules["great_expectations"].collected_meanwhile
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
