namespace GaleraBackup.Lab;

/// <summary>The lab cannot go on; the message is for the person who typed the command.</summary>
public sealed class LabException : Exception
{
    public LabException(string message) : base(message)
    {
    }

    public LabException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
