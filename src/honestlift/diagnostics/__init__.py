"""May we believe it? Each function returns a Check."""
