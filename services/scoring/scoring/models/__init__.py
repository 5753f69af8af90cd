"""The arithmetic of customer value: pure numbers in, pure numbers out.

Time is in weeks (days / 7), unscaled. A customer's history is three numbers:

* ``x``    repeat purchases: distinct days with a purchase, without the first
* ``t_x``  weeks from the first to the last purchase
* ``age``  weeks from the first purchase to the end of observation (the papers' T)

``bgnbd``, ``mbgnbd``, ``paretonbd`` and ``nbd`` say how often and how long, ``gamma_gamma`` how
much. ``scorer`` turns parameters into fast tables, ``value`` into money, ``silence`` into moments
at which silence changes a number; ``backtest`` compares models, ``summary`` makes histories.
"""
