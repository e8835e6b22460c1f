"""Containers that run already, by docker compose or docker run, become services of the fleet.

`look` reads them, `match` says whose they are, `choose` decides the steps, `run` does them.
"""
