using System.Net.Sockets;

namespace GaleraBackup.Lab.Machine;

/// <summary>One up or down at a time on a machine. A name in the kernel, which goes with the process that holds it.</summary>
internal static class LabLock
{
    public static async Task<IDisposable> TakeAsync(Narrator narrator, CancellationToken cancellationToken)
    {
        for (var told = false; ; await Task.Delay(300, cancellationToken))
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Bind(new UnixDomainSocketEndPoint("\0galerabackup-lab"));
                return socket;
            }
            catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                socket.Dispose();
                if (!told)
                {
                    narrator.Say("Another up or down is at work on this machine: waiting for it");
                    told = true;
                }
            }
        }
    }
}
