"""Pages at ten million cases: a department's open cases come from an index in the order of their deadlines, and a
search for words never reads all complaints.

PostgreSQL has to be told what taking words apart costs; else it does so for every complaint rather than use the index,
which took minutes at 1.6 million. Helpers are not worth their start for the few rows that an index gives.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision = "006"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER FUNCTION search_words(text, json) COST 10000 PARALLEL RESTRICTED")
    still_open = sa.text("closed_at IS NULL")
    op.drop_index("ix_cases_lead", "cases")
    op.create_index(
        "ix_cases_lead", "cases", ["lead", "due_at", "number"], sqlite_where=still_open, postgresql_where=still_open
    )
