using System.Net;
using k8s.Autorest;

namespace GaleraBackup.Lab;

/// <summary>
/// Something in the lab that was broken on purpose. Disposing it mends it and waits until it is mended, also after a failed test; what a
/// killed test leaves behind is mended by <c>up</c>.
/// </summary>
public class Fault : IAsyncDisposable
{
    /// <summary>Longer than a member takes that was restarted and copies all its data from another one.</summary>
    private static readonly TimeSpan HealDeadline = TimeSpan.FromMinutes(2.5);

    /// <summary>Selects every object of the API that belongs to a fault.</summary>
    public const string Selector = $"{Label}=fault";

    private const string Label = "lab.local/made-for";

    private readonly string what;
    private readonly Func<CancellationToken, Task> heal;
    private bool healed;

    internal Fault(string what, Func<CancellationToken, Task> heal) => (this.what, this.heal) = (what, heal);

    internal static Dictionary<string, string> Labels => new() { [Label] = "fault" };

    /// <summary>Mends it now; a second call does nothing.</summary>
    /// <exception cref="TimeoutException">It is not whole again in time.</exception>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (healed)
        {
            return;
        }

        healed = true;
        using var limit = new CancellationTokenSource(HealDeadline);
        try
        {
            await heal(limit.Token);
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"{what} is not mended after {HealDeadline.TotalSeconds:0} s. Bring the lab up again.", exception);
        }
    }

    /// <summary>What was made before the rest failed is mended before the failure goes on.</summary>
    internal static async Task<T> OrHealAsync<T>(T fault, Func<Task> rest)
        where T : Fault
    {
        try
        {
            await rest();
            return fault;
        }
        catch
        {
            await fault.DisposeAsync();
            throw;
        }
    }

    internal static async Task UnlessGoneAsync(Func<Task> delete)
    {
        try
        {
            await delete();
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            // That is what was wanted.
        }
    }

    internal static async Task UntilAsync(Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        while (!await condition())
        {
            await Task.Delay(200, cancellationToken);
        }
    }
}
