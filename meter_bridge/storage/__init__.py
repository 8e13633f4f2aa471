"""The bridge's database: tables, queries and migrations; SQLite by default."""
