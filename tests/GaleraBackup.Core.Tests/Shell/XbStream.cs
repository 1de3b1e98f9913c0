using System.Buffers.Binary;
using System.Text;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>Writes the stream of <c>mariadb-backup --stream=xbstream</c>: each file is a chunk with its content, then an end mark with its name again.</summary>
internal static class XbStream
{
    public static byte[] Of(params (string Name, byte[] Content)[] files)
    {
        using var stream = new MemoryStream();
        foreach (var (name, content) in files)
        {
            WriteHead(stream, 'P', name);
            WriteNumber(stream, content.Length, sizeof(long));
            WriteNumber(stream, 0, sizeof(long)); // offset in the file
            WriteNumber(stream, 0, sizeof(int)); // checksum: nobody here reads it
            stream.Write(content);
            WriteHead(stream, 'E', name);
        }

        return stream.ToArray();
    }

    private static void WriteHead(Stream stream, char type, string name)
    {
        stream.Write("XBSTCK01\0"u8);
        stream.WriteByte((byte)type);
        WriteNumber(stream, name.Length, sizeof(int));
        stream.Write(Encoding.ASCII.GetBytes(name));
    }

    private static void WriteNumber(Stream stream, long value, int size)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        stream.Write(bytes[..size]);
    }
}
