"""Hosts, what of them is backed up and when, and every job: the only service that says a job has finished.

Consumes: agent.alive
Publishes: job.finished, host.offline, host.online, host.deleted, source_group.deleted, job.updated, host.updated,
    agent.command.*, agent.takeover.*
Answers: ask.jobs.>
Owns: schema jobs: repositories, hosts, source groups, schedules, jobs and their logs
"""
