"""Faults that happen for real, under load, and a checker that compares every answer.

`python -m chaos` starts a Redis, an upstream whose catalogue changes as time goes by, and
several gateways; asks them steadily; lets the upstream, the Redis and the gateways fail by a
schedule; and ends with a table, a chart, and status 1 when something was noticed that
nobody should notice.
"""
