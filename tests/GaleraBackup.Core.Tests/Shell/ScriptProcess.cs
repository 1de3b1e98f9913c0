using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>A script that runs; what it says is read as a reader of pod logs would read it.</summary>
internal sealed class ScriptProcess : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly SemaphoreSlim _said = new(0);
    private readonly Task _reading;
    private readonly Task<string> _errors;

    public ScriptProcess(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _process.StandardInput.Close();
        _reading = ReadAsync();
        _errors = _process.StandardError.ReadToEndAsync();
    }

    public int ExitCode => _process.ExitCode;

    public IReadOnlyList<string> Lines => [.. _lines];

    public string Errors => _errors.Result;

    /// <summary>Waits for a line with the text.</summary>
    public async Task ExpectAsync(string text)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!_lines.Any(line => line.Contains(text, StringComparison.Ordinal)))
        {
            Assert.False(_reading.IsCompleted && _said.CurrentCount == 0, $"It ended without '{text}': {string.Join('\n', _lines)}\n{(_reading.IsCompleted ? Errors : "")}");
            await _said.WaitAsync(limit.Token);
        }
    }

    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{_process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    public async Task<int> WaitAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        await _process.WaitForExitAsync(limit.Token);
        await _reading.WaitAsync(limit.Token);
        await _errors.WaitAsync(limit.Token);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
        _said.Dispose();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await _process.StandardOutput.ReadLineAsync(CancellationToken.None) is { } line)
            {
                _lines.Enqueue(line);
                _said.Release();
            }
        }
        finally
        {
            _said.Release();
        }
    }
}
