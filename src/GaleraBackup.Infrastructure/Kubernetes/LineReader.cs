using System.Text;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// Reads lines and says of each whether its end was seen: a stream that was cut off may end cleanly in mid-line. Only a line feed ends a
/// line; what is no UTF-8 is replaced.
/// </summary>
internal sealed class LineReader(Stream stream) : IDisposable
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private readonly MemoryStream _line = new();
    private int _start;
    private int _end;

    /// <summary>Null at the end.</summary>
    public async Task<(string Text, bool IsWhole)?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            _line.Write(_buffer, _start, length < 0 ? _end - _start : length);
            if (length >= 0)
            {
                _start += length + 1;
                return (TakeLine(), true);
            }

            (_start, _end) = (0, await stream.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false));
            if (_end == 0)
            {
                return _line.Length > 0 ? (TakeLine(), false) : null;
            }
        }
    }

    public void Dispose() => stream.Dispose();

    private string TakeLine()
    {
        var text = Encoding.UTF8.GetString(_line.GetBuffer(), 0, (int)_line.Length);
        _line.SetLength(0);
        return text.TrimEnd('\r');
    }
}
