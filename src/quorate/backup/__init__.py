"""Backups: what must be kept, copies of it, and proof that they restore.

`policy` decides (pure); the other modules act.
"""
