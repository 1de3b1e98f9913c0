using GaleraBackup.Host;

using var signals = new StopSignals(Console.Error);
var exitCode = await HostedEngine.RunAsync(args, Console.Out, Console.Error, signals.Token);
return signals.ExitCode ?? exitCode;
