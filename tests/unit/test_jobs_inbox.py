"""The folders of the inbox, on a disk and in a bucket-like store. What ingestion does with the files: tests/flows."""

import uuid

import fsspec
import pytest

from meter_core.jobs.inbox import Inbox, free_name, is_finished


def nothing(_seconds: float) -> None:
    """Do not wait."""


@pytest.fixture(params=["disk", "bucket"])
def root(request, tmp_path):
    return str(tmp_path / "a b") if request.param == "disk" else f"memory://{uuid.uuid4()}"


@pytest.fixture
def files(root):
    store, folder = fsspec.core.url_to_fs(root)

    def write(path: str, content: bytes = b"x") -> str:
        store.makedirs(f"{folder}/{path}".rpartition("/")[0], exist_ok=True)
        store.pipe_file(f"{folder}/{path}", content)
        return f"{folder}/{path}"

    def listed() -> list[str]:
        return sorted(path.removeprefix(folder).removeprefix("/") for path in store.find(folder))

    write.listed = listed
    write.store = store
    write.folder = folder
    return write


def test_no_inbox_is_an_empty_inbox(root):
    assert Inbox(root).waiting() == []


def test_files_of_each_profile_wait_and_unfinished_ones_do_not(root, files):
    for name in ("fontana/a.csv", "canonical/b.csv.gz", "canonical/.c.csv", "canonical/d.csv.PART", "stray.csv"):
        files(f"inbox/{name}")
    assert {(item.profile, item.name) for item in Inbox(root).waiting()} == {
        ("fontana", "a.csv"),
        ("canonical", "b.csv.gz"),
    }


def test_a_file_that_still_grows_is_left_for_the_next_run(root, files):
    files("inbox/canonical/done.csv")
    files("inbox/canonical/growing.csv", b"1")
    settled = Inbox(root).settled(lambda _: files("inbox/canonical/growing.csv", b"12"))
    assert [item.name for item in settled] == ["done.csv"]


def test_the_path_on_this_machine_has_the_files_name_and_content(root, files):
    files("inbox/canonical/a.csv", b"1,2\n")
    inbox = Inbox(root)
    with inbox.local(inbox.waiting()[0]) as path:
        assert (path.name, path.read_bytes()) == ("a.csv", b"1,2\n")


def test_a_loaded_file_leaves_the_inbox(root, files):
    files("inbox/canonical/a.csv")
    inbox = Inbox(root)
    inbox.remove(inbox.waiting()[0])
    assert files.listed() == []


def test_a_file_that_was_replaced_meanwhile_is_another_delivery_and_stays(root, files):
    files("inbox/canonical/a.csv", b"old")
    inbox = Inbox(root)
    item = inbox.waiting()[0]
    files("inbox/canonical/a.csv", b"newer")
    inbox.remove(item)
    inbox.set_aside(item, "broken")
    assert files.listed() == ["inbox/canonical/a.csv"]


def test_a_file_that_somebody_took_away_meanwhile_is_no_error(root, files):
    path = files("inbox/canonical/a.csv")
    inbox = Inbox(root)
    item = inbox.waiting()[0]
    files.store.rm_file(path)
    inbox.remove(item)
    inbox.set_aside(item, "broken")
    assert files.listed() == []


def test_stopped_files_keep_their_content_and_say_why_even_twice_under_one_name(root, files):
    for content in (b"first", b"second"):
        files("inbox/canonical/a.csv", content)
        inbox = Inbox(root)
        inbox.set_aside(inbox.waiting()[0], f"{content.decode()} is broken")
    folder = f"{files.folder}/inbox_stopped/canonical"
    assert [files.store.cat_file(f"{folder}/{name}") for name in ("a.csv", "2-a.csv")] == [b"first", b"second"]
    assert files.store.cat_file(f"{folder}/a.csv.reason.txt").endswith(b" first is broken\n")
    assert files.store.cat_file(f"{folder}/2-a.csv.reason.txt").endswith(b" second is broken\n")
    assert Inbox(root).waiting() == []


@pytest.mark.parametrize(
    ("name", "finished"), [("a.csv", True), (".a.csv", False), ("a.csv.filepart", False), ("part.csv", True)]
)
def test_names_of_unfinished_files(name, finished):
    assert is_finished(name) is finished


def test_a_free_name_is_the_name_itself_where_it_is_free():
    assert free_name("a.csv", {"b.csv"}.__contains__) == "a.csv"
    assert free_name("a.csv", {"a.csv", "2-a.csv"}.__contains__) == "3-a.csv"
