"""Helpers shared by the packages of the suite; nothing here is public."""
