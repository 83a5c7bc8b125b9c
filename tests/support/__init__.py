"""Helpers that tests share, such as the fake upstream."""
