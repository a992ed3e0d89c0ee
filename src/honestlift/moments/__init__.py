"""One scan: which sums are wanted, the scan that fetches them, and the table of sums per cluster that it becomes."""
