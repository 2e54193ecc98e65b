"""The policy as pure rules: no file, network, database, present time or chance; moment and rulebook are arguments."""
