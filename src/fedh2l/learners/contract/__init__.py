"""The learner contract: what every learner promises, looked at without a federation."""
