"""A proposal → people: the terminal, the page and its figures, from the Proposal alone."""
