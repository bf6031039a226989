"""The command `keepwatch`: the whole system on one machine, its single processes, the agent, and the API's client."""
