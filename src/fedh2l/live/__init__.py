"""Going live: what an organisation does to federate with others over a real network."""
