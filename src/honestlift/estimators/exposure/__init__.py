"""Exposure to the treatment of others: who is reached, how likely that was, and what it did."""
