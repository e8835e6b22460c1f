"""A Postgres' write-ahead log, received on another server and restored from."""
