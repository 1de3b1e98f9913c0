using System.Management.Automation;
using System.Runtime.Loader;
using GaleraBackup.Binding;

namespace GaleraBackup;

/// <summary>Runs when the module is imported and removed.</summary>
public sealed class ModuleInitializer : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    private static readonly ModuleLoadContext Dependencies = new(
        Path.Combine(Path.GetDirectoryName(typeof(ModuleInitializer).Assembly.Location)!, nameof(Dependencies)));

    private static int s_imports;

    public void OnImport()
    {
        // Import-Module -Force imports anew before, or without, removing: the hook is there once.
        if (Interlocked.Increment(ref s_imports) == 1)
        {
            AssemblyLoadContext.Default.Resolving += Dependencies.ResolveFromDefault;
            AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        }
    }

    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        OpenSessions.CloseAll();
        if (Interlocked.Decrement(ref s_imports) == 0)
        {
            AssemblyLoadContext.Default.Resolving -= Dependencies.ResolveFromDefault;
            AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        }
    }

    // Someone typed exit between Set-WsrepDesync On and Off, or the process was told to end.
    private static void OnProcessExit(object? sender, EventArgs e) => OpenSessions.CloseAll();
}
