"""For each law its canary: the same law, then a claim that is false and must be refuted.

A precondition that nothing meets would confirm any law; the canary is what notices.
"""
