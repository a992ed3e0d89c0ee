"""The walk of a two-stage study: workspaces drawn to saturations, then that share of their users to the treatment."""
