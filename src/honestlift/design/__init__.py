"""What was done and what is asked: designs, exposure, metrics, assignment. Knows no data."""
