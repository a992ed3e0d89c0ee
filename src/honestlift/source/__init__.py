"""Where the rows live: a path, a frame or a relation becomes a Source."""
