"""From a stack to a lock: requests to the resolver, its answers, its failures explained."""
