using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text;

namespace GaleraBackup.Lab;

/// <summary>As much of RFC 1035 as answering a resolver's single question takes.</summary>
internal sealed record DnsQuestion(ushort Id, bool RecursionDesired, string Name, ushort Type, ushort Class, ReadOnlyMemory<byte> Wire)
{
    internal const ushort TypeA = 1;
    private const ushort ClassInternet = 1;
    private const int HeaderLength = 12;
    private const int LongestName = 255;
    private const ushort TimeToLiveSeconds = 1;
    private const int LargestReply = 512;

    internal bool IsAddress => Type == TypeA && Class == ClassInternet;

    /// <summary>Reads a standard query with one question; false for anything else, however malformed.</summary>
    internal static bool TryParse(ReadOnlyMemory<byte> packet, [NotNullWhen(true)] out DnsQuestion? question)
    {
        question = null;
        var bytes = packet.Span;
        if (bytes.Length < HeaderLength)
        {
            return false;
        }

        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        bool isStandardQuery = (flags & 0xF800) == 0;
        if (!isStandardQuery || BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) != 1)
        {
            return false;
        }

        var name = new StringBuilder();
        int at = HeaderLength;
        while (true)
        {
            if (at >= bytes.Length)
            {
                return false;
            }

            int length = bytes[at++];
            if (length == 0)
            {
                break;
            }

            // 64 and up is a compression pointer, which a question has no use for.
            if (length > 63 || at + length > bytes.Length || at + length - HeaderLength > LongestName)
            {
                return false;
            }

            if (name.Length > 0)
            {
                name.Append('.');
            }

            name.Append(Encoding.ASCII.GetString(bytes.Slice(at, length)));
            at += length;
        }

        if (at + 4 > bytes.Length)
        {
            return false;
        }

        question = new DnsQuestion(
            BinaryPrimitives.ReadUInt16BigEndian(bytes),
            (flags & 0x0100) != 0,
            name.ToString().ToLowerInvariant(),
            BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]),
            BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]),
            packet[HeaderLength..(at + 4)]);
        return true;
    }

    /// <summary>The reply for a name with these addresses; null says that there is no such name.</summary>
    internal byte[] Answer(IReadOnlyList<IPAddress>? addresses)
    {
        const int RecordLength = 16;
        int room = (LargestReply - HeaderLength - Wire.Length) / RecordLength;
        IPAddress[] answers = IsAddress ? [.. (addresses ?? []).Take(room)] : [];
        var reply = new byte[HeaderLength + Wire.Length + (answers.Length * RecordLength)];
        Span<byte> at = reply;
        const ushort ResponseAuthoritativeRecursionAvailable = 0x8480;
        const ushort NoSuchName = 3;
        ushort flags = ResponseAuthoritativeRecursionAvailable;
        flags |= RecursionDesired ? (ushort)0x0100 : (ushort)0;
        flags |= addresses is null ? NoSuchName : (ushort)0;
        BinaryPrimitives.WriteUInt16BigEndian(at, Id);
        BinaryPrimitives.WriteUInt16BigEndian(at[2..], flags);
        BinaryPrimitives.WriteUInt16BigEndian(at[4..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(at[6..], (ushort)answers.Length);
        Wire.Span.CopyTo(at[HeaderLength..]);
        at = at[(HeaderLength + Wire.Length)..];
        foreach (var address in answers)
        {
            const ushort PointerToQuestion = 0xC000 | HeaderLength;
            BinaryPrimitives.WriteUInt16BigEndian(at, PointerToQuestion);
            BinaryPrimitives.WriteUInt16BigEndian(at[2..], TypeA);
            BinaryPrimitives.WriteUInt16BigEndian(at[4..], ClassInternet);
            BinaryPrimitives.WriteUInt32BigEndian(at[6..], TimeToLiveSeconds);
            BinaryPrimitives.WriteUInt16BigEndian(at[10..], 4);
            address.TryWriteBytes(at[12..], out _);
            at = at[RecordLength..];
        }

        return reply;
    }
}
