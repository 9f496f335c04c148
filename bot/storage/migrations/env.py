"""Alembic's entry point. `bot.storage.schema` hands over the connection."""

from alembic import context

from bot.storage.models import metadata


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave PgQueuer's tables alone: it changes them itself."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_name=ours,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
