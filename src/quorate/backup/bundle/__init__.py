"""The recovery bundle: what Swarm never gives back and bare servers need, encrypted with age.

`content`, `archive`, `compare`, `readme` and `decision` decide (pure); `making` acts.
"""
