"""What the class of an error means to a person: the reason in a few words, and what to do about it."""

from shared.vocabulary import ErrorClass

REASONS = {
    ErrorClass.LOCKED: "repository locked",
    ErrorClass.WRONG_PASSWORD: "wrong repository password",
    ErrorClass.REPO_MISSING: "repository missing",
    ErrorClass.REPO_CHANGED: "a different repository is there",
    ErrorClass.REPO_UNREACHABLE: "repository unreachable",
    ErrorClass.NO_SPACE: "no space left",
    ErrorClass.SOURCE_MISSING: "source path missing",
    ErrorClass.SOURCE_UNREADABLE: "files unreadable",
    ErrorClass.RESTIC_MISSING: "restic not installed",
    ErrorClass.NOT_ALLOWED: "refused by the agent",
    ErrorClass.INTERRUPTED: "interrupted",
    ErrorClass.AGENT_LOST: "agent lost during the job",
    ErrorClass.TIMEOUT: "took too long",
    ErrorClass.HOOK_FAILED: "hook failed",
}

HINTS = {
    ErrorClass.LOCKED: "Another restic holds the repository's lock. See with `restic list locks` whether it still runs;"
    " if it died, remove its lock with `restic unlock`, then run the job again.",
    ErrorClass.WRONG_PASSWORD: "No key of the repository opens with the password that is set. Correct the repository's"
    " password in Keepwatch; the data is not touched.",
    ErrorClass.REPO_MISSING: "The repository that was backed up to before is not there any more. Check that its disk or"
    " bucket is mounted and named as before; Keepwatch will not create a new one in its place.",
    ErrorClass.REPO_CHANGED: "The address now holds a repository with another id than before. Find out who replaced"
    " it; nothing was written to it.",
    ErrorClass.REPO_UNREACHABLE: "The repository's server did not answer. Check network, DNS and the server itself;"
    " the next run tries again.",
    ErrorClass.NO_SPACE: "There is no space left where the repository or its cache lives. Free some, or apply retention"
    " with forget and prune.",
    ErrorClass.SOURCE_MISSING: "At least one path of this source group does not exist on the host. Mount it, or correct"
    " the group's paths.",
    ErrorClass.SOURCE_UNREADABLE: "Some files could not be read, so they are not in the snapshot. The log names them:"
    " mend permissions, or exclude them.",
    ErrorClass.RESTIC_MISSING: "Install restic on the host, in the PATH of the agent.",
    ErrorClass.NOT_ALLOWED: "The agent refuses this by its own command line. Change the job, or restart the agent with"
    " the matching --allow option.",
    ErrorClass.INTERRUPTED: "The job was stopped before its end, by a signal or a shutdown. Run it again.",
    ErrorClass.AGENT_LOST: "The agent stopped or lost the job before it could report. See whether the host rebooted or"
    " ran out of memory, then run it again.",
    ErrorClass.TIMEOUT: "The job ran longer than it may. Look for a stuck mount or a slow repository.",
    ErrorClass.HOOK_FAILED: "A command that belongs to the job failed. Its output is in the log.",
}
UNKNOWN = "Keepwatch does not know this error: read its message, and the end of the job's log if there is one."
