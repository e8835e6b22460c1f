"""`quorate serve`: the controller, which begins backup work when it is due and tells of it.

`controller` does one round, `loop` repeats it; what begins is decided in `backup/policy/duties`.
"""
