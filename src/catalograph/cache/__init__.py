"""Kept answers; the only package that imports aiocache."""
