"""认真解决: a month of a city in minutes, under any rulebook: what would pile up where, and who is late.

People and chance are those of a model file (``model``); what their acts mean, ``decide`` says (``rules.trials``).
"""
