"""Backup work as one-shot services of the swarm: what a job is told, what it answers."""
