"""认真解决: a change of the rules is tried on past cases and in a simulated month before it touches anybody.

``moments`` and ``situation`` are the fast forms of a case, ``learned`` knows what ``decide`` would say without asking
it twice; ``rules.backtest`` and ``rules.simulation`` stand on them.
"""
