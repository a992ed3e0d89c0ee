"""The walk of an opt-in study, one room per step."""
