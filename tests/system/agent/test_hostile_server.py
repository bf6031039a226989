"""A server in a stranger's hands: with default flags the agent starts restic, and no other program, ever.

A decoy stands behind every name that could be started, and every restic is a recorder of its own arguments, so what
was started is seen from what was left behind.
"""

import json
import os
import signal
from uuid import uuid4

import pytest

from .gateway import Gateway
from .test_agent import PASSWORD, Agent

GOOD_PATH = "/etc"


@pytest.fixture
def decoys(tmp_path, newest_restic):
    """Programs that leave a trace: on the agent's PATH, and in its working and state folders."""
    folder = tmp_path / "decoys"
    folder.mkdir()
    for name in ("sh", "ssh", "rclone", "az", "tar", "bash", "aws", "evil", "cat", "true"):
        program = folder / name
        program.write_text(f'#!/bin/bash\necho "$0 $@" >> {tmp_path}/started\n')
        program.chmod(0o755)
    recorder = folder / "restic"
    recorder.write_text(f'#!/bin/bash\nprintf \'%s\\n\' "$*" >> {tmp_path}/restic-calls\nexec {newest_restic} "$@"\n')
    recorder.chmod(0o755)
    return folder


@pytest.fixture
async def gateway():
    gateway = await Gateway().start()
    yield gateway
    await gateway.stop()


@pytest.fixture
async def agent(gateway, tmp_path, decoys):
    agent = Agent(gateway, tmp_path, str(decoys / "restic"))
    agent.env["PATH"] = f"{decoys}:{os.environ['PATH']}"
    yield agent
    await agent.end(signal.SIGKILL)


def job(tmp_path, **changes):
    """A harmless job as plain JSON, with some of its values replaced: `repository__url="…"`."""
    frame = {
        "type": "job.run",
        "id": str(uuid4()),
        "job_id": str(uuid4()),
        "kind": "backup",
        "engine": "restic",
        "host_name": "web-01",
        "source_group": {"id": str(uuid4()), "name": "mail", "paths": [GOOD_PATH], "excludes": [], "command": None},
        "repository": {
            "id": str(uuid4()),
            "url": str(tmp_path / "never-made"),
            "password": PASSWORD,
            "env": {},
            "create": True,
            "source": "server",
            "restic_id": None,
        },
        "forget": [],
    }
    for name, value in changes.items():
        *folders, last = name.split("__")
        place = frame
        for folder in folders:
            place = place[folder]
        place[last] = value
    return frame


def nasty(tmp_path, evil):
    """Every form that we could think of."""
    command = {"id": str(uuid4()), "name": "x", "paths": [], "command": [evil]}
    for value in ([evil], ["sh", "-c", evil], ["/bin/sh", "-c", evil], [f"/bin/../{evil}"], ["evil"], []):
        yield {"engine": "command", "source_group": command | {"command": value}}
    yield {"engine": "command", "source_group": None}
    yield {"engine": "command", "kind": "check", "source_group": command}
    yield {"engine": "rclone"}
    yield {"engine": evil}
    yield {"kind": "restore"}
    yield {"kind": "unlock"}
    yield {"kind": f"backup --password-command={evil}"}
    for path in (f"--password-command={evil}", "-o", "relative", "", "/a\0/b", "/a\n[default]\ncredential_process = x"):
        yield {"source_group__paths": [GOOD_PATH, path]}
    yield {"source_group__paths": []}
    yield {"source_group__paths": GOOD_PATH}
    yield {"source_group__paths": [7]}
    for pattern in (f"--password-command={evil}", "-o", "--", "a\nb", "a\0b", ""):
        yield {"source_group__excludes": [pattern]}
    yield {"source_group": None}
    yield {"repository": None}
    for url in (
        "rclone:evil:/x",
        f"rclone: -o rclone.program={evil}",
        " rclone:evil:/x",
        "rclone:evil:/x\n",
        f"sftp:user@-oProxyCommand={evil}:/x",
        f"sftp:-oProxyCommand={evil}:/x",
        f"sftp:-oProxyCommand={evil}@host:/x",
        f"sftp://-oProxyCommand={evil}/x",
        f"sftp://%2doProxyCommand={evil}@host/x",
        f"sftp://user@-oProxyCommand=x:22/{evil}",
        f"sftp:host -o ProxyCommand={evil}:/x",
        f"sftp:$({evil})@host:/x",
        f"-o sftp.command={evil}",
        f"--password-command={evil}",
        "-",
        "",
        "relative/path",
        "local:relative",
        "/srv/../etc/cron.d",
        "/srv/a\0b",
        "/srv/a\nb",
        "azure:container:/x",
        "exec:evil",
        "file:///etc",
        "rest:ftp://host/",
        "x" * 5000,
    ):
        yield {"repository__url": url}
    for name in (
        "RESTIC_PASSWORD_COMMAND",
        "RESTIC_PASSWORD_FILE",
        "RESTIC_REPOSITORY",
        "RESTIC_FROM_PASSWORD_COMMAND",
        "RESTIC_REST_X=1\nLD_PRELOAD",
        "RESTIC_REST_",
        "PATH",
        "HOME",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "GODEBUG",
        "HTTPS_PROXY",
        "SSH_ASKPASS",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AZURE_FORCE_CLI_CREDENTIAL",
        "GOOGLE_API_CERTIFICATE_CONFIG",
        "GOOGLE_API_USE_CLIENT_CERTIFICATE",
        "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
        "aws_secret",
        "",
        "AWS_A\0B",
    ):
        yield {"repository__env": {name: evil}}
    yield {"repository__env": {"AWS_SECRET_ACCESS_KEY": "a\0b"}}
    yield {"repository__env": {"AWS_SECRET_ACCESS_KEY": "a\nLD_PRELOAD=x"}}
    yield {"repository__env": ["PATH=x"]}
    yield {"repository__password": "a\0b"}
    yield {"repository__source": "host"}
    yield {"repository__id": "../../etc/passwd"}
    yield {"repository__source": "elsewhere"}
    for name in (f"--password-command={evil}", "-x", "", "a\nb", "a\0b", "x" * 5000):
        yield {"host_name": name}
    for retention in (
        {},
        {"keep_last": 0},
        {"keep_last": -1},
        {"keep_last": "1"},
        {"keep_last": f"1 --password-command={evil}"},
        {"keep_within": "0d"},
        {"keep_within": "30d --prune"},
        {"keep_within": 30},
        {"keep_tag": "x"},
        {"prune": 1},
        {f"password-command={evil}": 1},
        {"unsafe_allow_remove_all": 1},
    ):
        yield {"kind": "forget", "forget": [{"source_group_id": str(uuid4()), "retention": retention}]}
    yield {"kind": "forget", "forget": [{"source_group_id": f"x,{evil}", "retention": {"keep_last": 1}}]}


async def test_nasty_jobs_end_not_allowed_and_nothing_is_started(gateway, agent, decoys, tmp_path):
    await agent.start()
    asked_for_its_version = (tmp_path / "restic-calls").read_text()
    frames = [job(tmp_path, **changes) for changes in nasty(tmp_path, str(decoys / "evil"))]

    for frame in frames:
        await gateway.send(frame)

    for frame in frames:
        finished = await gateway.heard("job.finished", job_id=frame["job_id"])
        assert (finished["status"], finished["error_class"]) == ("failed", "not_allowed"), (frame, finished)
        assert PASSWORD not in json.dumps(finished)
    assert len(frames) > 100
    assert not (tmp_path / "started").exists()
    assert (tmp_path / "restic-calls").read_text() == asked_for_its_version
    assert not (tmp_path / "never-made").exists()


async def test_frames_of_no_protocol_are_dropped_and_the_agent_goes_on(gateway, agent, tmp_path):
    await agent.start()
    nonsense = ["", "null", "[]", "7", "{", '{"type": "job.run"}', '{"type": "evil", "job_id": "x"}', "[" * 100_000]
    nonsense += ['{"type": "job.run", "job_id": "../../etc"}', '{"type": "config", "heartbeat_seconds": "x"}']
    nonsense += ['{"type": "job.run", "job_id": {"a": 1}}', '{"type": "ack"}', '{"type":"ack","id":"x"}']
    for text in nonsense:
        await gateway.send(text)

    last = job(tmp_path, kind="restore")
    await gateway.send(last)

    await gateway.heard("job.finished", job_id=last["job_id"], error_class="not_allowed")
    assert len(gateway.find("job.finished")) == 1
    assert gateway.connections == 1


async def test_what_is_allowed_becomes_restic_arguments_and_no_options(gateway, agent, tmp_path):
    """Values that look like shell, globs and options inside a value stay values."""
    await agent.start()
    group = {"id": str(uuid4()), "name": "x", "paths": [GOOD_PATH + "/hostname", "/$(evil)", "/;evil"]}
    frame = job(
        tmp_path, source_group=group | {"excludes": ["$(evil)", "a --password-command=evil"]}, host_name="a b;evil"
    )
    await gateway.send(frame)

    finished = await gateway.heard("job.finished", job_id=frame["job_id"])

    assert (finished["status"], finished["error_class"]) == ("warning", "source_missing")
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        ("--allow=check,prune", {}),
        ("--allow-repository=/srv/backups", {}),
        (
            "--allow-repository=rest:https://backup.example/",
            {"repository__url": "rest:https://evil@backup.example.net/"},
        ),
        ("--allow-command=/bin/true", {"engine": "command", "source_group__command": ["/bin/true/../false"]}),
    ],
)
async def test_flags_narrow_what_the_server_may_ask(gateway, agent, tmp_path, flag, changes):
    await agent.start(flag)
    frame = job(tmp_path, **changes)
    await gateway.send(frame)

    await gateway.heard("job.finished", job_id=frame["job_id"], error_class="not_allowed")
