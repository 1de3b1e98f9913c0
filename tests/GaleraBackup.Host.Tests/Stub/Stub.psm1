# Stands in for the module: commands whose arguments, results and errors a test chooses.
# Samples makes the runs; in a process of its own nothing else has loaded it.
$null = [System.Reflection.Assembly]::LoadFrom([System.IO.Path]::GetFullPath("$PSScriptRoot/../GaleraBackup.Host.Tests.dll"))

function Get-Argument {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Position = 0)] [string] $Name,
        [Parameter(Position = 1)] [string[]] $List,
        [int] $KeepLast,
        [timespan] $Timeout,
        [switch] $Fast,
        [Nullable[bool]] $Flag
    )

    [pscustomobject]@{
        Name = $Name
        List = $List
        KeepLast = $KeepLast
        Timeout = $Timeout
        Fast = $Fast
        Flag = $Flag
        Bound = [string[]]($PSBoundParameters.Keys)
        Done = $PSCmdlet.ShouldProcess($Name, 'Get')
    }
}

# A run whose phases ended as told. An error of it is written as the real cmdlets do: with the run as its target.
function New-Run {
    [CmdletBinding()]
    param(
        [GaleraBackup.Outcome] $Backup = 'Succeeded',
        [GaleraBackup.Outcome] $Verify = 'Skipped',
        [GaleraBackup.Outcome] $Resync = 'Succeeded',
        [GaleraBackup.Outcome] $Prune = 'Skipped',
        [string] $ErrorId,
        [GaleraBackup.FailureKind] $Kind
    )

    $errors = [System.Collections.Generic.List[GaleraBackup.RunError]]::new()
    if ($ErrorId) {
        $errors.Add([GaleraBackup.RunError]::new($ErrorId, $Kind, 'It did not work.', 'Try again.'))
    }

    $run = [GaleraBackup.Host.Tests.Samples]::Run($Backup, $Verify, $Resync, $Prune, $errors.ToArray())
    $run
    foreach ($item in $errors) {
        $exception = [GaleraBackup.GaleraBackupException]::new($item.ErrorId, $item.Kind, $item.Message, $item.Recommendation, $run)
        $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new($exception, $item.ErrorId, 'NotSpecified', $run))
    }
}

function Write-Everything {
    [CmdletBinding()]
    param()

    $PSCmdlet.WriteProgress([System.Management.Automation.ProgressRecord]::new(1, 'Copying', '1 of 2'))
    $PSCmdlet.WriteWarning('a warning')
    $PSCmdlet.WriteVerbose('a verbose line')
    $PSCmdlet.WriteInformation('an information', [string[]]@())
    'on the console' | Out-Host
    [Console]::WriteLine('behind the back')
    'a result'
    $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new([Exception]::new('an error'), 'SomeId', 'NotSpecified', 'some target'))
}
