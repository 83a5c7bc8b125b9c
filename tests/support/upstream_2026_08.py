"""What tests over an upstream of August 2026 have in common."""

import datetime

KEY = "phaseo_v1_sk_abcdef_secret"
NOW = datetime.datetime(2026, 8, 22, 12, tzinfo=datetime.UTC)
