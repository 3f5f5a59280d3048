"""PostgreSQL: schema, migrations, loading, accounting and every SQL strategy."""
