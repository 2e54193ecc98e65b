"""One retryable step per verb of the policy: read the ledger, ask the rules, append in one transaction."""
