"""Chaos tests: real faults under load, and a checker that verifies every answer.

`python -m chaos` starts a Redis, several gateways, and an upstream whose catalogue changes
over time. It sends requests at a steady rate, while the upstream, the Redis and the gateways
fail by a schedule. It prints a table and draws a chart. The exit status is 1 if a client saw
a failure, a wrong answer, or a recovery that took too long.
"""
