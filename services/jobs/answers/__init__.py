"""What the gateway may ask of jobs, by noun: each function answers one ask with a value or a refusal."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from services.jobs import handlers
from services.jobs.answers import demo, fleet, hosts, jobs, repositories, schedules, source_groups
from services.jobs.desk import Desk
from shared.asks import agents as agent_asks
from shared.asks import demo as demo_asks
from shared.asks import fleet as fleet_asks
from shared.asks import hosts as host_asks
from shared.asks import jobs as job_asks
from shared.asks import repositories as repository_asks
from shared.asks import schedules as schedule_asks
from shared.asks import source_groups as group_asks
from shared.asks.ask import Ask

Answers = Mapping[type[Ask[Any]], Callable[[Desk, Any], Awaitable[Any]]]
ANSWERS: Answers = {
    repository_asks.CreateRepository: repositories.create,
    repository_asks.ListRepositories: repositories.list_newest,
    repository_asks.GetRepository: repositories.get,
    repository_asks.PatchRepository: repositories.patch,
    repository_asks.DeleteRepository: repositories.delete,
    host_asks.CreateHost: hosts.create,
    host_asks.ListHosts: hosts.list_by_name,
    host_asks.GetHost: hosts.get,
    host_asks.PatchHost: hosts.patch,
    host_asks.DeleteHost: hosts.delete,
    host_asks.RenewHostToken: hosts.renew_token,
    fleet_asks.ShowFleet: fleet.show,
    fleet_asks.CountFleet: fleet.count,
    fleet_asks.TellStandings: fleet.standings,
    group_asks.CreateSourceGroup: source_groups.create,
    group_asks.ListSourceGroups: source_groups.list_newest,
    group_asks.GetSourceGroup: source_groups.get,
    group_asks.PatchSourceGroup: source_groups.patch,
    group_asks.DeleteSourceGroup: source_groups.delete,
    schedule_asks.CreateSchedule: schedules.create,
    schedule_asks.ListSchedules: schedules.list_newest,
    schedule_asks.GetSchedule: schedules.get,
    schedule_asks.PatchSchedule: schedules.patch,
    schedule_asks.DeleteSchedule: schedules.delete,
    schedule_asks.PreviewSchedule: schedules.preview,
    job_asks.RunSourceGroup: jobs.run_group,
    job_asks.CreateJob: jobs.create,
    job_asks.ListJobs: jobs.list_newest,
    job_asks.GetJob: jobs.get,
    job_asks.CancelJob: jobs.cancel,
    job_asks.TellPastRuns: jobs.past_runs,
    job_asks.ReadLog: jobs.read_log,
    job_asks.ReportJobs: jobs.report,
    job_asks.ReportTogether: jobs.report_together,
    job_asks.TellSynthetic: jobs.tell_synthetic,
    agent_asks.AuthenticateAgent: hosts.authenticate,
    agent_asks.AgentHello: handlers.agent_hello,
    agent_asks.AgentStarted: handlers.agent_started,
    agent_asks.AgentProgress: handlers.agent_progress,
    agent_asks.AgentLog: handlers.agent_log,
    agent_asks.AgentFinished: handlers.agent_finished,
}
"""Who answers what."""
DEMO_ANSWERS: Answers = {demo_asks.TellPast: demo.tell_past}
"""Who answers what besides in a demo, and nowhere else."""
