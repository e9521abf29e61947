"""A table as a person reads it."""

from clinflu.findings.document import Column, Table
from clinflu.findings.readable import readable, text


def test_an_interval_stands_in_the_cell_of_its_figure():
    columns = (
        Column("level", "Level"),
        Column("rate", "Rate", "share"),
        Column("rate_low", "from", "share"),
        Column("rate_high", "to", "share"),
        Column("n", "Encounters", "count"),
    )
    rows = (("a", 0.125, 0.1, 0.15, 1234), ("b", "withheld", None, None, 20), ("c", 0.5, None, None, None))
    found = readable(Table("t", "T", columns, rows))
    assert found.heads == ("Level", "Rate (95 % interval)", "Encounters")
    assert found.numbers == (False, True, True)
    assert found.rows == (("a", "12.5 % (10.0 to 15.0 %)", "1,234"), ("b", "withheld", "20"), ("c", "50.0 %", ""))


def test_a_column_called_low_without_its_partner_stays_a_column():
    columns = (Column("a", "A", "number"), Column("a_low", "Low", "number"))
    assert readable(Table("t", "T", columns, ((1.0, 2.0),))).heads == ("A", "Low")


def test_numbers_are_written_as_they_are_read():
    assert text(Column("a", "A", "number", 2), -1.5) == "−1.50"
    assert text(Column("a", "A", "p"), 0.00001) == "<0.0001"
    assert text(Column("a", "A", "p"), 0.0312) == "0.0312"
    assert text(Column("a", "A", "share"), 1.0) == "100.0 %"
    assert text(Column("a", "A", "count"), 12345) == "12,345"
    assert text(Column("a", "A"), None) == ""
