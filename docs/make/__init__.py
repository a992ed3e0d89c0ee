"""What is made and committed in docs/: notebooks with their outputs, schematics, and the tables of the reference."""
