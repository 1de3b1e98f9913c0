namespace GaleraBackup.Commands;

public enum DesyncState
{
    On,
    Off,
}
