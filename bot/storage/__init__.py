"""Our tables: the schema, its migrations, and one module of statements per table.

Hot statements are plain SQL (asyncpg in the worker, psycopg in the web process); SQLAlchemy
describes the schema and Alembic changes it. `export_files` is pure: what the links of `exports` hand out.
"""
