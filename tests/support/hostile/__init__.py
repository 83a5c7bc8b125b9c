"""Attacks on a running gateway, by class, and the process that is attacked."""
