"""The flags of `keepwatch agent`: wrong ones are one sentence."""

import pytest
from click.testing import CliRunner

from cli.agent_command import agent

SERVER = "--server=https://keepwatch.example"


def invoke(*arguments, **env):
    clean = {"KEEPWATCH_AGENT_TOKEN": None, "KEEPWATCH_AGENT_TOKEN_FILE": None}
    return CliRunner().invoke(agent, arguments, env=clean | env)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "Missing option '--server'"),
        ([SERVER], 2, "KEEPWATCH_AGENT_TOKEN[_FILE]"),
        ([SERVER, "--token=a", "--token-file=b"], 2, "exclude each other"),
        ([SERVER, "--token-file=/no/such/file"], 1, "Error: --token-file: /no/such/file cannot be read: No such file"),
        ([SERVER, "--token=a", "--allow=backup,evil"], 2, "'evil' is none of backup, forget, prune, check"),
        ([SERVER, "--token=a", "--allow-command=tar"], 1, "--allow-command: 'tar' is not the absolute path"),
        (["--server=http://keepwatch.example", "--token=a"], 1, "plain http to keepwatch.example"),
        ([SERVER, "--token=a", "--state-dir=/proc/none"], 1, "--state-dir: /proc/none cannot be used"),
        ([SERVER, "--token=a", "--ca-file=/no/such/file"], 1, "--ca-file: /no/such/file is not a file"),
    ],
)
def test_wrong_usage(arguments, code, says):
    result = invoke(*arguments)

    assert (result.exit_code, says in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.output


def test_a_token_that_does_not_fit_is_not_shown():
    result = invoke(SERVER, KEEPWATCH_AGENT_TOKEN="my secret token")

    assert result.exit_code == 1
    assert "secret" not in result.output


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_token_file_that_everybody_may_read_is_warned_about(tmp_path, mode, warned):
    file = tmp_path / "token"
    file.write_text("secret-token")
    file.chmod(mode)

    result = invoke(SERVER, f"--token-file={file}", "--state-dir=/proc/none")

    assert (f"run: chmod 600 {file}" in result.stderr) is warned
    assert "secret-token" not in result.output
