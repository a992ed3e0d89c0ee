"""Rows of an opt-in study that stay where they are: what is summed over them, by their engine or in this process."""
