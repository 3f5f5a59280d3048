"""Names, units, ranges and shapes that every part of the product shares. Imports nothing but numpy."""
