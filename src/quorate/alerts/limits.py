"""From when on a server's state is a fault, for `status --deep` and alerts alike. Values only."""

from __future__ import annotations

GIB = 1024**3
LEAST_FREE = 1 * GIB
ENOUGH_FREE = 10 * GIB
FREE_SHARE = 0.1
"""Too little is less than a tenth, though never more than 10 GiB nor less than 1 GiB."""

RENEWED_BEFORE = 0.2
"""Swarm renews a certificate when 50 to 80 % of its time is over (swarmkit, ca/renewer.go)."""

CLOCK_SECONDS = 1.0
