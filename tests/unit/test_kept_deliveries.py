"""A kept file is replaced whole, whoever else keeps files meanwhile."""

import gzip

import fsspec

from meter_core.jobs import kept_deliveries
from meter_core.jobs.kept_deliveries import digest_of, keep, put


def test_what_is_half_written_is_not_taken_for_a_leftover(tmp_path, monkeypatch):
    first, second, fresh = (tmp_path / name for name in ("first", "second", "fresh"))
    for path in (first, second, fresh):
        path.write_text(path.name)
    target = tmp_path / "files" / keep(first, digest_of(first), str(tmp_path / "files"))
    (target.parent / ".of-a-killed-run.part").write_text("half")
    move = kept_deliveries.move

    def keep_meanwhile(*about):
        monkeypatch.setattr(kept_deliveries, "move", move)
        keep(second, digest_of(second), str(tmp_path / "files"))
        move(*about)

    monkeypatch.setattr(kept_deliveries, "move", keep_meanwhile)
    put(fsspec.filesystem("file"), fresh, str(target))
    kept = {gzip.decompress(path.read_bytes()) for path in target.parent.iterdir()}
    assert kept == {b"fresh", b"second"}, "and what a killed run left is gone"


def test_the_same_file_is_kept_once_and_beside_one_that_is_not_whole_any_more(tmp_path):
    day, files = tmp_path / "day.csv", str(tmp_path / "files")
    day.write_text("as delivered")
    digest = digest_of(day)
    first = keep(day, digest, files)
    assert keep(day, digest, files) == first
    kept = tmp_path / "files" / first
    for damaged in (gzip.compress(b"a line less"), kept.read_bytes()[:-9]):
        kept.write_bytes(damaged)
        second = keep(day, digest, files)
        assert second != first
        assert gzip.decompress((tmp_path / "files" / second).read_bytes()) == b"as delivered"
