"""From a Fit to standard errors, degrees of freedom, intervals and replicates."""
