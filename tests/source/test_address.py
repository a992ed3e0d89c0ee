"""Addresses: variables filled in, credentials found and hidden, unreadable ones not repeated."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.errors import SourceError
from honestlift.source.address import filled, holds_secret, is_address, shown


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("postgres://h/d", True),
        ("POSTGRESQL://h/d", True),
        ("snowflake://u:p@account/db", True),
        ("users.parquet", False),
        ("s3://bucket/users.parquet", False),
        ("https://host/users.csv", False),
        ("C:\\users.csv", False),
        ("host=localhost password=x", False),
    ],
)
def test_which_texts_are_addresses(text, is_one):
    assert is_address(text) is is_one


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("postgres://h/d", False),
        ("postgres://user@h:5432/d", False),
        ("postgres://user:@h/d", False),
        ("postgres://user:${PGPASSWORD}@h/d", False),
        ("postgres://h/d?password=${SECRET}&user=u", False),
        ("postgres://h/d?passfile=/home/u/.pgpass&sslkey=/k.pem&sslmode=require", False),
        ("${DATABASE_URL}", False),
        ("postgres://user:secret@h/d", True),
        ("postgres://user:$PGPASSWORD@h/d", True),
        ("postgres://user:${A}x@h/d", True),
        ("postgres://h/d?password=secret", True),
        ("postgres://h/d?sslpassword=secret", True),
        ("postgres://u:se/cr@et@h/d", True),
        ("postgres://u:se#cret@h/d", True),
        ("databricks://token:dapi123@h/d", True),
        ("motherduck://d?motherduck_token=abc", True),
        ("s3://bucket/x.parquet", False),
        ("users.parquet", False),
    ],
)
def test_what_holds_a_secret(text, holds):
    assert holds_secret(text) is holds


def test_variables_are_filled_in_percent_code():
    place = filled("postgres://u:${P}@${HOST}:5432/d", {"P": "a/b@c:d #é%", "HOST": "db.example.org"})
    assert place.url == f"postgres://u:{quote('a/b@c:d #é%', safe='')}@db.example.org:5432/d"
    assert place.shown == "postgres://db.example.org:5432/d"
    assert "a/b" not in repr(place)
    assert place.hidden("no password a/b@c:d #é% here, nor " + quote("a/b@c:d #é%", safe="")) == "no password ••• here, nor •••"


def test_a_whole_address_from_the_environment():
    place = filled("${DATABASE_URL}", {"DATABASE_URL": "postgres://u:p%40w@h/d?sslpassword=zz"})
    assert place.shown == "postgres://h/d"
    assert place.hidden("p@w p%40w zz") == "••• ••• •••"


def test_a_variable_that_is_not_set():
    with pytest.raises(SourceError, match=r"no variable 'NOPE'.*Set it"):
        filled("postgres://u:${NOPE}@h/d", {})


@pytest.mark.parametrize("url", ["postgres://u:p/w@h/d", "postgres://u:p@w@h/d", "postgres://u:p w@h/d", "postgres://u:p?w@h"])
def test_an_address_that_could_be_taken_apart_in_two_ways_is_refused_and_not_repeated(url):
    with pytest.raises(SourceError) as refused:
        filled(url, {})
    assert url.removeprefix("postgres://u:") not in str(refused.value)
    assert shown(url) == "the database"


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=4))
def test_no_password_is_ever_shown(password):
    place = filled("postgres://user:${P}@h/d", {"P": password})
    for text in (place.shown, repr(place)):
        assert password not in text.replace("postgres://h/d", "").replace("Address('", "").replace("')", "")
    assert password not in place.hidden(f"[{password}|{quote(password, safe='')}]") or password in "[•••|•••]"
