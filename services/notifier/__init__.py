"""Tells people: each event of an alert becomes one delivery per matching channel, sent until it arrives.

Consumes: alert.raised, alert.acked, alert.resolved
Publishes: nothing
Answers: ask.notifier.>
Owns: schema notifier: channels, deliveries
"""
