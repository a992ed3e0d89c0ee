"""The same work by honestlift and by its peers, each in processes and an environment of its own, in turn in one run."""
