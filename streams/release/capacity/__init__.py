"""How much of everything a load needs: from measured rates, by queueing formulas."""
