using System.Management.Automation;

namespace GaleraBackup.Commands;

/// <summary>Marks backups to be kept: no rule of Remove-OldBackup removes the chain of one that is marked.</summary>
[Cmdlet(VerbsCommon.Set, "GaleraBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ByName)]
[OutputType(typeof(BackupSet))]
public sealed class SetGaleraBackupCommand : BackupStoreCmdlet
{
    /// <summary>Ids as Get-GaleraBackup shows them.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("BackupId")]
    [ValidateNotNullOrEmpty]
    public string[] Id { get; set; } = [];

    /// <summary>Marks them, or with $false takes the mark away.</summary>
    [Parameter(Mandatory = true)]
    public bool Keep { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override void ProcessRecord() => UseStore(run: null, readOnly: false, store =>
    {
        var catalogue = store.List();
        foreach (var id in Id)
        {
            if (catalogue.FirstOrDefault(backup => backup.BackupId == id) is not { } backup)
            {
                WriteError(new GaleraBackupException(
                    "BackupNotFound", FailureKind.NotFound, $"There is no backup '{id}'.", "See which there are: Get-GaleraBackup.", id).ToErrorRecord());
            }
            else if (ShouldProcess($"{backup} on {backup.Location}", Keep ? "Keep" : "Keep no longer")
                && store.Try((backups, token) => backups.SetKeepAsync(backup, Keep, token)) && PassThru)
            {
                WriteObject(backup with { Keep = Keep });
            }
        }
    });
}
