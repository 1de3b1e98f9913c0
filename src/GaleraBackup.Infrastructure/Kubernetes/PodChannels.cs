using System.Net.WebSockets;
using System.Runtime.CompilerServices;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// The protocol <c>v4.channel.k8s.io</c>: the first byte of each message is the number of its channel. Read and written directly: the
/// client's StreamDemuxer blocks a thread for each stream, and its streams cannot be read and written at once.
/// </summary>
internal static class PodChannels
{
    public const string Protocol = "v4.channel.k8s.io";

    /// <summary>What comes in until the peer closes. The data is valid until the next one is asked for.</summary>
    public static async IAsyncEnumerable<(byte Channel, ReadOnlyMemory<byte> Data)> ReadChannelsAsync(
        this WebSocket socket, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var buffer = new byte[64 * 1024];
        byte channel = 0;
        var isStart = true;
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                yield break;
            }

            var data = buffer.AsMemory(0, received.Count);
            if (isStart && data.Length > 0)
            {
                (channel, data, isStart) = (data.Span[0], data[1..], false);
            }

            if (data.Length > 0)
            {
                yield return (channel, data);
            }

            isStart |= received.EndOfMessage;
        }
    }
}
