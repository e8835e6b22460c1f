"""Getting it back: recovery, moving, draining, each as an operation of journaled steps.

An operation is chosen by a pure function (`model.Operation`), shown, agreed to, and carried
out step by step (`carrying`) with a journal (`journal`), so that whoever comes next can resume
or undo it after a kill at any step.
"""
