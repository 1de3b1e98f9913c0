using System.Runtime.InteropServices;

namespace GaleraBackup.Lab.Machine;

/// <summary>What .NET has no call for.</summary>
internal static class Native
{
    public const int SigTerm = 15;
    public const int SigKill = 9;
    public const int SigCont = 18;
    public const int SigStop = 19;

    public static void ChangeOwner(string path, uint user, uint group)
    {
        if (chown(path, user, group) != 0)
        {
            throw new LabException($"{path} cannot be given to uid {user}: error {Marshal.GetLastPInvokeError()}");
        }
    }

    public static bool Signal(int process, int signal) => kill(process, signal) == 0;

    [DllImport("libc", SetLastError = true)]
    private static extern int chown([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint owner, uint group);

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int sig);
}
