"""Several bridges that share one installation on PostgreSQL."""
