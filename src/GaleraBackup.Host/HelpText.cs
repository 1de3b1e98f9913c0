namespace GaleraBackup.Host;

internal static class HelpText
{
    public const string Usage = """
        galera-backup: the GaleraBackup PowerShell module with an engine of its own.

          galera-backup <Cmdlet> [arguments]         galera-backup Invoke-GaleraBackup -Namespace openstack -KeepLast 10
          galera-backup -Command <text> [arguments]  galera-backup -Command 'Test-GaleraCluster | Select-BackupReplica'
          galera-backup -File <x.ps1> [arguments]

        Options, before or after the cmdlet:
          --output text|json   text (default): tables and lists. json: standard output is one JSON document and nothing else,
                               the object if there is exactly one, else an array (of none, too). Times are ISO 8601,
                               durations [d.]hh:mm:ss[.fffffff], sizes in bytes. Standard error is then one JSON object a line,
                               with a "level": error (with errorId, message, recommendation, category), warning, ...
          --quiet              no progress
          --help, --version
          --                   what follows are values, even if they begin with a dash

        Arguments are typed as in pwsh (-Name value, -Name:value, -Switch, -Switch:$false, positional), and are never read as script:
        a value stays the one string that it is. Where a parameter takes several values, a comma separates them. A value that begins
        with a dash is written -Name:-value. -Verbose and the other common parameters are there.
        For the cmdlets: galera-backup Get-Command -Module GaleraBackup; for one: galera-backup Get-Help Invoke-GaleraBackup -Full.

        Nothing is ever asked: what would need an answer (-Confirm, a missing mandatory parameter) is an error.
        The module is taken from Modules/GaleraBackup beside the program, or from GALERABACKUP_MODULE.

        Exit codes:
          0   good
          1   the backup failed, or whatever else was asked for did; also a wrong command line or parameter
          2   the backup is good, but resync, pruning or verification failed
          3   refused: the cluster is unsafe, the lease is held, space or rights are missing; there is no backup
          4   timed out before there was a backup
          N   what a script says with 'exit N' comes before all of these
          129, 130, 143   stopped by SIGHUP, Ctrl+C, SIGTERM, after cleaning up
        With several results the worst counts, in the order 1, 4, 3, 2. What a script keeps in a variable is not seen.
        """;
}
