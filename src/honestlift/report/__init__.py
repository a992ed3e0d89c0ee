"""From a Lift to what people read. Knows result.py and nothing else of the house."""
