"""Estimators of what the treatment of others does: exposure, its probabilities, and the contrasts that the design moves."""
