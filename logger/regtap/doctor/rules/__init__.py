"""The rules of `regtap doctor`: from facts to findings."""
