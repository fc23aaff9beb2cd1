"""Durable state: SQLite by default, PostgreSQL for many workers; one schema, same repositories."""
