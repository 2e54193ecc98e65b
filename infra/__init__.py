"""How the world is touched: settings, ledger, mail, portal, Prefect, command line."""
