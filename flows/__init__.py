"""The story of a complaint as the policy tells it; no SQL, no mail, no HTTP."""
