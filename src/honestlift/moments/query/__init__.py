"""One query that makes a table of sums in any warehouse: exact, about origins that it finds itself, in the SQL of a dialect."""
