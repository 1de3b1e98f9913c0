using GaleraBackup.Lab.Machine;

namespace GaleraBackup.Lab;

/// <content>Faults of the pods that the module starts.</content>
public sealed partial class Faults
{
    /// <summary>
    /// Kills the container of the module's pod with SIGKILL as soon as the moment has come: its first process, and with it all others. It is
    /// looked for without a pause, since a moment may last no longer than a command does.
    /// </summary>
    /// <exception cref="TimeoutException">The moment did not come within <paramref name="deadline"/>.</exception>
    public static async Task KillModulesPodAsync(Func<bool> moment, TimeSpan deadline, CancellationToken cancellationToken)
    {
        for (var giveUp = DateTime.UtcNow + deadline; DateTime.UtcNow < giveUp; await Task.Delay(5, cancellationToken))
        {
            var first = Containers.FirstOfModulesPod();
            while (first is not null && DateTime.UtcNow < giveUp && ProcessTable.Read(first.Pid)?.StartTime == first.StartTime)
            {
                if (moment())
                {
                    Native.Signal(first.Pid, Native.SigKill);
                    return;
                }
            }
        }

        throw new TimeoutException("The moment to kill the module's pod did not come.");
    }
}
