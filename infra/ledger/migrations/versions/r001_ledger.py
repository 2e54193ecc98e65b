"""The first ledger: tables of ``infra.ledger.schema``, and triggers that keep entries from being changed."""

from __future__ import annotations

from alembic import op

from infra.ledger.schema import metadata

revision = "001"
down_revision = None

_SQLITE = """
CREATE TRIGGER entries_no_{verb} BEFORE {verb} ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_POSTGRES = (
    """
CREATE FUNCTION entries_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
""",
    """
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION entries_append_only()
""",
)


def upgrade() -> None:
    connection = op.get_bind()
    metadata.create_all(connection)
    sqlite = connection.dialect.name == "sqlite"
    for statement in [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")] if sqlite else _POSTGRES:
        op.execute(statement)
