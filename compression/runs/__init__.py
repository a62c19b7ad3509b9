"""Durable background runs: the store, the supervisor and its workers."""
