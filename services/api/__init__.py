"""The gateway: HTTP, live events, the agents' WebSockets and the web pages; decides nothing of the domain.

Consumes: job.finished, alert.*, job.updated, host.updated, agent.command.*, agent.takeover.*
Publishes: agent.alive, agent.takeover.*
Answers: nothing
Owns: schema api: user, token, session, login_link, sign_in_allowance, inbox_secret, inbox_call
"""
