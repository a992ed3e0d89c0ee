"""The walk from rows to a Lift, step by step; the only floor where all others meet."""
