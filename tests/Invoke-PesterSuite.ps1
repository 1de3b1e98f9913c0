<#
.SYNOPSIS
    Runs the Pester tests of the module's surface. Exits with 1 if one failed, or if something of ours is left on the lab.
#>
[CmdletBinding()]
param(
    # Where to write "passed failed skipped", for a script.
    [string] $ResultPath
)

$ErrorActionPreference = 'Stop'
Import-Module -Name Pester -MinimumVersion 5.0
Import-Module -Name $PSScriptRoot/Pester/GaleraBackup.Testing.psm1, $PSScriptRoot/Pester/Lab.psm1

$configuration = New-PesterConfiguration
$configuration.Run.Path = $PSScriptRoot
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Detailed'
$result = Invoke-Pester -Configuration $configuration

# A container that could not be read, or a block that failed, fails no test of its own.
$failed = $result.FailedCount + $result.FailedBlocksCount + $result.FailedContainersCount

# Each test on the lab looks for itself; this is for those that died before they could.
Import-Module -Name (Get-ModulePath)
$wrong = @(Wait-WholeLab)
if ($wrong) {
    Write-Warning -Message "The lab is not as it was found:`n$($wrong -join "`n")"
    $failed++
}

if ($ResultPath) {
    Set-Content -LiteralPath $ResultPath -Value "$($result.PassedCount) $failed $($result.SkippedCount + $result.NotRunCount)"
}
exit [int]($failed -gt 0)
