"""The walk of a roll-out in waves: who got the feature when, against those that had it later or never."""
