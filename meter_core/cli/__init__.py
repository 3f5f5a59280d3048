"""The `meter` command."""
