"""Who is recorded with a promotion."""

from meter_core.cli import modelling


def test_the_account_that_is_logged_in(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    assert modelling.person() == "ada"


def test_an_account_without_a_name_as_in_a_container(monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_123)
    assert modelling.person() == "user 4000123"
