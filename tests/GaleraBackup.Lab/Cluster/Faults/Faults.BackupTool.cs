using GaleraBackup.Lab.Machine;

namespace GaleraBackup.Lab;

/// <content>Faults of mariadb-backup while it runs in a pod.</content>
public sealed partial class Faults
{
    /// <summary>Kills mariadb-backup with SIGKILL as soon as it runs.</summary>
    /// <exception cref="TimeoutException">It did not run within <paramref name="deadline"/>.</exception>
    public static async Task KillBackupToolAsync(TimeSpan deadline, CancellationToken cancellationToken) =>
        Native.Signal((await FindBackupToolAsync(deadline, cancellationToken)).Pid, Native.SigKill);

    /// <summary>Stops mariadb-backup as soon as it runs, so that a backup takes as long as the fault does.</summary>
    /// <exception cref="TimeoutException">It did not run within <paramref name="deadline"/>.</exception>
    public static async Task<Fault> HoldBackupToolAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        var tool = await FindBackupToolAsync(deadline, cancellationToken);
        Native.Signal(tool.Pid, Native.SigStop);
        return new Fault("the stopped mariadb-backup", _ =>
        {
            if (ProcessTable.Read(tool.Pid)?.StartTime == tool.StartTime)
            {
                Native.Signal(tool.Pid, Native.SigCont);
            }

            return Task.CompletedTask;
        });
    }

    private static async Task<ProcessEntry> FindBackupToolAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        for (var giveUp = DateTime.UtcNow + deadline; DateTime.UtcNow < giveUp; await Task.Delay(5, cancellationToken))
        {
            if (Containers.BackupTool() is { } tool)
            {
                return tool;
            }
        }

        throw new TimeoutException("mariadb-backup was not seen at work.");
    }
}
