"""Several bridges on one database: which owns which shards, and how any of them answers for all."""
