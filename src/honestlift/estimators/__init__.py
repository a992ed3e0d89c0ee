"""From sums to a Fit: coefficients, scores and hessians per cluster."""
