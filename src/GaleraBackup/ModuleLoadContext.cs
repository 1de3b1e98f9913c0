using System.Reflection;
using System.Runtime.Loader;

namespace GaleraBackup;

/// <summary>
/// Keeps the module's packages apart: modules share one process, and another may have loaded its own, older copy of any of them.
/// What is not in Dependencies/ (Core above all) comes from the default context.
/// </summary>
internal sealed class ModuleLoadContext(string dependencies) : AssemblyLoadContext(nameof(GaleraBackup))
{
    private const string EntryAssembly = "GaleraBackup.Infrastructure";

    /// <summary>
    /// Answers for the one assembly that the cmdlets use by name; everything behind it is then loaded here. Asked by path: a name that is
    /// not found here goes to the default context, which would ask here again, and so on until the stack ends.
    /// </summary>
    public Assembly? ResolveFromDefault(AssemblyLoadContext context, AssemblyName name) => name.Name == EntryAssembly ? Load(name) : null;

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var path = Path.Combine(dependencies, $"{assemblyName.Name}.dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }
}
