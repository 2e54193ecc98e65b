# ruff: noqa: S608 -- the statements are put together from constants of this file
"""Ten million cases: words can be searched for, and a list of closed cases has an index for whatever narrows it.

The words are found by every pair of neighbouring characters, so a Chinese word of two is found like any other. On
PostgreSQL a pair carries the day of its complaint: a search goes back in time, and stops where the page is full.
The databases keep these indexes themselves: whoever erases the words of a complaint, erases them here too.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision = "002"

NUMBER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_POSTGRES = (
    """
CREATE FUNCTION search_words(number text, matter json) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT array_agg(DISTINCT substr(number, 3, 6) || one || next)
FROM (
  SELECT one, lead(one) OVER (ORDER BY n) AS next
  FROM unnest(string_to_array(lower(concat_ws(' ', matter->>'subject', matter->>'description', matter->>'address')
                                    COLLATE "C"), NULL)) WITH ORDINALITY AS letters (one, n)
) AS pairs
WHERE one COLLATE "C" > '/' AND next COLLATE "C" > '/'
$$
""",
    # without a list of what is not yet sorted in, which every search would have to read
    "CREATE INDEX search_words_of_complaints ON complaints USING gin (search_words(number, matter))"
    " WITH (fastupdate = off)",
)
_PAIRS = """
SELECT DISTINCT pair, number FROM (
  WITH RECURSIVE pairs (number, pair, rest) AS (
    SELECT number, '', lower(coalesce(json_extract(matter, '$.subject'), '') || ' '
                             || coalesce(json_extract(matter, '$.description'), '') || ' '
                             || coalesce(json_extract(matter, '$.address'), '')) FROM ({source})
    UNION ALL SELECT number, substr(rest, 1, 2), substr(rest, 2) FROM pairs WHERE length(rest) > 1)
  SELECT pair, number FROM pairs)
WHERE length(pair) = 2 AND substr(pair, 1, 1) > '/' AND substr(pair, 2) > '/'
"""
_OF_ALL = _PAIRS.format(source="SELECT number, matter FROM complaints")
_OF_NEW = _PAIRS.format(source="SELECT new.number AS number, new.matter AS matter")
_OF_OLD = _PAIRS.format(source="SELECT old.number AS number, old.matter AS matter")
_KEEP = "INSERT INTO search_words (word, number)"
_FORGET = f"DELETE FROM search_words WHERE (word, number) IN ({_OF_OLD})"
_SQLITE = (
    f"{_KEEP} {_OF_ALL}",
    f"CREATE TRIGGER search_words_added AFTER INSERT ON complaints BEGIN {_KEEP} {_OF_NEW}; END",
    f"CREATE TRIGGER search_words_changed AFTER UPDATE OF matter ON complaints BEGIN {_FORGET}; {_KEEP} {_OF_NEW}; END",
    f"CREATE TRIGGER search_words_gone AFTER DELETE ON complaints BEGIN {_FORGET}; END",
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if is_sqlite:
        op.create_table(
            "search_words",
            sa.Column("word", sa.Text, primary_key=True),
            sa.Column("number", NUMBER, primary_key=True),
            sqlite_with_rowid=False,
        )
    for statement in _SQLITE if is_sqlite else _POSTGRES:
        op.execute(statement)
    _lists()


def _lists() -> None:
    op.create_index("ix_cases_closed_district", "cases", ["district", "closed_at", "number"], **_where(_CLOSED))
    op.create_index(
        "ix_cases_closed_category", "cases", ["category", "closed_at", "number"],
        postgresql_ops={"category": "text_pattern_ops"}, **_where(_CLOSED),
    )  # fmt: skip
    op.create_index("ix_assignments_over", "assignments", ["party", "number"], **_where(_OVER))


_CLOSED = "closed_at IS NOT NULL"
_OVER = "ended_at IS NOT NULL AND role != 'citizen'"


def _where(condition: str) -> dict[str, Any]:
    """Options of a partial index."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
