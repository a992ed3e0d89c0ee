"""`python -m honestlift` is the console script."""

from honestlift.cli import main

main()
