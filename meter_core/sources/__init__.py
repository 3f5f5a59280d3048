"""Source profiles, and delivered files read into frames."""
