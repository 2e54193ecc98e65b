"""机关流程再造: what a process owner does with the rules, for the pages and for the command line alike."""
