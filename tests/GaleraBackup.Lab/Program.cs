using System.CommandLine;
using GaleraBackup.Lab;
using GaleraBackup.Lab.Machine;

// What `up` starts in the background. It has nothing to tidy up, so the signal's own way of ending it is good.
if (args is [LabDaemon.Verb])
{
    await LabDaemon.ServeAsync(LabPaths.FromEnvironment(), CancellationToken.None);
    return 0;
}

var root = new RootCommand("A real Kubernetes and a real Galera cluster on this machine, to develop and test against.");

var dryRun = new Option<bool>("--dry-run") { Description = "Only list what would be done to this machine." };
var up = new Command("up", "Bring the lab up, or repair it.") { dryRun };
up.SetAction((parsed, token) => Guard(async () =>
{
    if (parsed.GetValue(dryRun))
    {
        foreach (var line in await Lab.PlanAsync(token))
        {
            Console.WriteLine(line);
        }

        return 0;
    }

    await Lab.UpAsync(Console.Out, token);
    return 0;
}));

var wipe = new Option<bool>("--wipe") { Description = "Delete the databases and the cluster's state, too." };
var down = new Command("down", "End the lab and undo its changes to this machine.") { wipe };
down.SetAction((parsed, token) => Guard(async () =>
{
    await Lab.Locate().DownAsync(Console.Out, parsed.GetValue(wipe), token);
    return 0;
}));

var status = new Command("status", "Say how the lab is. Exit code 0 where it is up, 1 where it is not.");
status.SetAction((_, token) => Guard(async () => await Lab.Locate().WriteStatusAsync(Console.Out, token) ? 0 : 1));

var kubeConfig = new Command("kubeconfig", "Print the path of the admin's kubeconfig.");
kubeConfig.SetAction((_, _) => Guard(() =>
{
    var lab = Lab.Locate();
    if (!File.Exists(lab.KubeConfig))
    {
        throw new LabException("there is no lab here yet: bring it up first");
    }

    Console.WriteLine(lab.KubeConfig);
    return Task.FromResult(0);
}));

var size = new Option<long>("--size")
{
    Description = "How much is to be there in the end: 200MB, 1GiB.",
    DefaultValueFactory = _ => 200_000_000,
    CustomParser = argument =>
    {
        if (LoadCommand.ParseSize(argument.Tokens.Single().Value) is { } bytes)
        {
            return bytes;
        }

        argument.AddError($"'{argument.Tokens.Single().Value}' is not a size such as 200MB");
        return 0;
    },
};
var load = new Command("load", "Fill the lab's database.") { size };
load.SetAction((parsed, token) => Guard(async () =>
{
    await LoadCommand.RunAsync(parsed.GetValue(size), Console.Out, token);
    return 0;
}));

var demo = new Command("demo", "Bring the lab up, load data, and back it up.");
demo.SetAction((_, token) => Guard(() => DemoCommand.RunAsync(Console.Out, token)));

foreach (var command in (Command[])[up, down, status, kubeConfig, load, demo])
{
    root.Subcommands.Add(command);
}

// No limit on how long Ctrl+C may take: what is being changed on the machine is finished or recorded first.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = Timeout.InfiniteTimeSpan });

static async Task<int> Guard(Func<Task<int>> run)
{
    try
    {
        return await run();
    }
    catch (LabException exception)
    {
        Console.Error.WriteLine(exception.Message);
        return 1;
    }
    catch (OperationCanceledException)
    {
        Console.Error.WriteLine("stopped; `up` goes on from here, `down` undoes it");
        return 130;
    }
}
